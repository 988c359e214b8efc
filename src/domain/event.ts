/**
 * Facts in the past tense: the type's name here is the GraphQL string and the one in the database. Ids and facts only; consumers read the
 * rest again.
 */
type EventPayload =
  | { readonly type: 'WorkspaceCreated'; readonly slug: string }
  | {
      readonly type: 'ApiKeyCreated';
      readonly apiKeyId: string;
      readonly name: string;
      readonly role: string;
    }
  | { readonly type: 'ApiKeyRevoked'; readonly apiKeyId: string; readonly name: string }
  | { readonly type: 'ChannelCreated'; readonly channelId: string; readonly channel: string }
  | { readonly type: 'PromptCreated'; readonly slug: string; readonly kind: string }
  | {
      readonly type: 'PromptUpdated';
      readonly slug: string;
      readonly before: Readonly<Record<string, unknown>>;
      readonly after: Readonly<Record<string, unknown>>;
    }
  | { readonly type: 'PromptArchived'; readonly slug: string; readonly reason: string | null }
  | { readonly type: 'PromptRestored'; readonly slug: string }
  | {
      readonly type: 'VersionPromoted';
      readonly slug: string;
      readonly channel: string;
      readonly kind: string;
      readonly version: number;
      readonly contentHash: string;
      readonly previousVersion: number | null;
    }
  | {
      readonly type: 'VersionWithdrawn';
      readonly slug: string;
      readonly channel: string;
      readonly previousVersion: number | null;
    };

/** An event to be written; its number, time and hashes come from the database. */
export interface NewEvent {
  readonly payload: EventPayload;
  readonly promptId?: string;
  readonly promotionId?: string;
}

/** The fields that an event's hash covers, in their order, the last three since version 2; each is written as `<bytes>:<text>,`, an absent one as `-,`. */
export interface HashedFields {
  readonly hashVersion: number;
  readonly workspaceId: string;
  readonly seq: bigint | number;
  readonly commitSeq: bigint | number;
  readonly type: string;
  readonly actorKind: string;
  readonly actorId: string;
  readonly actorName: string;
  readonly atMicros: bigint | number;
  readonly promptId: string | null;
  readonly promotionId: string | null;
  readonly payload: string;
  readonly sourceAddress: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
}

/** The text that an event's hash covers: the same that the database's trigger hashes. hash = sha256(prevHash bytes + this text). */
export function hashedText(event: HashedFields): string {
  const fields = [
    event.hashVersion,
    event.workspaceId,
    event.seq,
    event.commitSeq,
    event.type,
    event.actorKind,
    event.actorId,
    event.actorName,
    event.atMicros,
    event.promptId,
    event.promotionId,
    event.payload,
    ...(event.hashVersion >= 2 ? [event.sourceAddress, event.userAgent, event.requestId] : []),
  ];
  return `${fields.map((field) => (field === null ? '-' : withLength(String(field)))).join(',')},`;
}

function withLength(text: string): string {
  return `${Buffer.byteLength(text)}:${text}`;
}
