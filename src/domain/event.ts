/** What something was, or is: never a secret or its hash. */
type Facts = Readonly<Record<string, unknown>>;

/**
 * Facts in the past tense: the type's name here is the GraphQL string and the one in the database. Ids and facts only; consumers read the
 * rest again.
 */
type EventPayload =
  | {
      readonly type: 'WorkspaceCreated';
      readonly slug: string;
      /** At the operator's level only: the workspace's own log stands in it. */
      readonly workspaceId?: string;
      readonly name?: string;
    }
  | {
      readonly type: 'WorkspaceRenamed';
      readonly workspaceId: string;
      readonly before: { readonly slug: string; readonly name: string };
      readonly after: { readonly slug: string; readonly name: string };
    }
  | {
      readonly type: 'WorkspaceDeleted';
      readonly workspaceId: string;
      readonly slug: string;
      readonly name: string;
      /** How many rows went with it. */
      readonly counts: Readonly<Record<string, number>>;
      /** Where its log ended: the last that can be said of it. */
      readonly lastSeq: number;
      readonly lastHash: string;
    }
  | {
      /** At the operator's level: the rows of a backup were put into this database, past the triggers. */
      readonly type: 'DatabaseRestored';
      /** The account at the command line; null: it has no name. */
      readonly by: string | null;
      readonly backup: {
        /** The one in its last line. */
        readonly checksum: string;
        readonly createdAt: string;
        readonly version: string;
        /** Where the log of each workspace ended. */
        readonly heads: readonly Facts[];
      };
      readonly rows: number;
      /** What was there before: nothing, because only an empty database is filled. */
      readonly replaced: null;
    }
  | {
      readonly type: 'ApiKeyCreated';
      readonly apiKeyId: string;
      readonly name: string;
      readonly role: string;
      readonly after: Facts;
    }
  | {
      /** `previousExpiresAt` of `after`: until when the former secret goes on; null: it has ended. */
      readonly type: 'ApiKeyRotated' | 'ApiKeyRevoked';
      readonly apiKeyId: string;
      readonly name: string;
      readonly before: Facts;
      readonly after: Facts;
    }
  | { readonly type: 'RevokedKeyUsed'; readonly apiKeyId: string; readonly name: string }
  | {
      readonly type: 'MemberJoined';
      readonly memberId: string;
      readonly name: string;
      readonly after: Facts;
    }
  | {
      readonly type: 'MemberChanged';
      readonly memberId: string;
      readonly name: string;
      readonly before: Facts;
      readonly after: Facts;
    }
  | { readonly type: 'ChannelCreated'; readonly channelId: string; readonly channel: string }
  | { readonly type: 'PromptCreated'; readonly slug: string; readonly kind: string }
  | {
      readonly type: 'PromptUpdated';
      readonly slug: string;
      readonly before: Facts;
      readonly after: Facts;
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
      /** The approved request that it stands on. */
      readonly requestId?: string;
      readonly breakGlass?: boolean;
    }
  | {
      readonly type: 'VersionWithdrawn';
      readonly slug: string;
      readonly channel: string;
      readonly previousVersion: number | null;
    }
  | GovernancePayload;

interface RequestFacts {
  readonly requestId: string;
  readonly slug: string;
  readonly channel: string;
  readonly version: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** What channels demand, who asked for what, and who judged it. */
type GovernancePayload =
  | {
      readonly type: 'ChannelPolicyChanged';
      readonly channel: string;
      readonly pattern: string;
      readonly before: Fields | null;
      readonly after: Fields | null;
    }
  | ({ readonly type: 'PromotionRequested'; readonly reason: string | null } & RequestFacts)
  | ({
      readonly type: 'PromotionReviewed';
      readonly decision: string;
      readonly comment: string | null;
      readonly contentHash: string;
      /** Of the request, after the review: OPEN, APPLIED or REJECTED. */
      readonly status: string;
    } & RequestFacts)
  | ({
      readonly type: 'PromotionRequestSuperseded' | 'PromotionRequestExpired' | 'PromotionRequestCancelled';
    } & RequestFacts)
  | {
      readonly type: 'BreakGlassUsed';
      readonly slug: string;
      readonly channel: string;
      readonly version: number | null;
      readonly promotionId: string;
      readonly reason: string;
      readonly blockers: readonly { readonly code: string; readonly message: string }[];
    }
  | {
      readonly type: 'PromotionRefused';
      readonly action: string;
      readonly slug: string;
      readonly channel: string;
      readonly version: number | null;
      readonly code: string;
      readonly blockers: readonly string[];
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
