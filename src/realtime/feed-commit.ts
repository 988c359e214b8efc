import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Reader } from '../db/client.ts';
import { readChannelsOfPrompt } from '../db/channel-state.ts';
import type { ChannelOfPrompt } from '../db/channel-state.ts';
import type { StoredEvent } from '../db/event-log.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';

/** One change of what one channel serves under one slug. */
export interface ChannelMove {
  readonly type: 'VersionPromoted' | 'VersionWithdrawn';
  readonly channel: string;
  /** The slug that the prompt had then. */
  readonly slug: string;
  readonly promptId: string;
  /** The version that is served; null for a withdrawal. */
  readonly version: number | null;
  readonly promotionId: string;
  /** What its event says of the promotion; null after a rename, which tells of an older one. */
  readonly facts: PromotionFacts | null;
}

interface PromotionFacts {
  readonly kind: string;
  /** The number of what was served before; null: nothing. */
  readonly previousVersion: number | null;
  /** The end of its commit. */
  readonly cursor: string;
}

type RequestChangeKind =
  | 'REQUESTED'
  | 'REVIEWED'
  | 'APPLIED'
  | 'REJECTED'
  | 'SUPERSEDED'
  | 'EXPIRED'
  | 'CANCELLED';

/** Something happened to a promotion request. */
export interface RequestChange {
  readonly type: 'PromotionRequestChanged';
  readonly change: RequestChangeKind;
  readonly channel: string;
  readonly slug: string;
  readonly requestId: string;
}

/** A place in a workspace's log between two commits. */
export interface FeedPlace {
  readonly seq: bigint;
  readonly cursor: string;
}

/** The events of one transaction, as subscribers hear of them. */
export interface FeedCommit {
  readonly begin: FeedPlace;
  readonly end: FeedPlace;
  /** When the database recorded its first event, in microseconds since 1970. */
  readonly atMicros: bigint;
  readonly moves: readonly ChannelMove[];
  readonly requests: readonly RequestChange[];
  /** How many events it has, told or not. */
  readonly events: number;
}

/** The events, which are whole commits in order, as commits. Asks the database only where a prompt was renamed. */
export async function toCommits(
  reader: Reader,
  workspaceId: string,
  events: readonly StoredEvent[],
): Promise<FeedCommit[]> {
  const commits: FeedCommit[] = [];
  for (const group of groupsOf(events)) {
    const [first, last] = [group[0], group.at(-1)];
    if (first === undefined || last === undefined) continue;
    const end = placeOf(last);
    const moves: ChannelMove[] = [];
    for (const event of group) moves.push(...(await movesOf(reader, workspaceId, event, end)));
    commits.push({
      begin: placeOf({ seq: first.seq - 1n, hash: first.prevHash }),
      end,
      atMicros: first.atMicros,
      moves,
      requests: group.flatMap(requestChanges),
      events: group.length,
    });
  }
  return commits;
}

export function placeOf(end: { readonly seq: bigint; readonly hash: Uint8Array }): FeedPlace {
  return { seq: end.seq, cursor: encodeFeedCursor(end) };
}

/** The place before a workspace's first event, whose hash is made of the workspace's id. */
export function beginningOf(workspaceId: string): FeedPlace {
  return placeOf({ seq: 0n, hash: createHash('sha256').update(workspaceId).digest() });
}

function groupsOf(events: readonly StoredEvent[]): StoredEvent[][] {
  const groups = new Map<bigint, StoredEvent[]>();
  for (const event of events) {
    const group = groups.get(event.commitSeq);
    if (group === undefined) groups.set(event.commitSeq, [event]);
    else group.push(event);
  }
  return [...groups.values()];
}

const MOVED = z.object({
  slug: z.string(),
  channel: z.string(),
  version: z.number().optional(),
  kind: z.string().optional(),
  previousVersion: z.number().nullable().optional(),
});
const UPDATED = z.object({ slug: z.string(), before: z.object({ slug: z.string().optional() }) });

const REQUEST = z.object({
  slug: z.string(),
  channel: z.string(),
  requestId: z.string().optional(),
  status: z.string().optional(),
});
const REQUEST_CHANGES: Readonly<Record<string, RequestChangeKind>> = {
  PromotionRequested: 'REQUESTED',
  PromotionReviewed: 'REVIEWED',
  VersionPromoted: 'APPLIED',
  PromotionRequestSuperseded: 'SUPERSEDED',
  PromotionRequestExpired: 'EXPIRED',
  PromotionRequestCancelled: 'CANCELLED',
};

function requestChanges({ type, payload }: StoredEvent): RequestChange[] {
  const change = REQUEST_CHANGES[type];
  // Of promotions few stand on a request: the others need not be parsed a second time.
  if (change === undefined || !payload.includes('"requestId"')) return [];
  const { slug, channel, requestId, status } = REQUEST.parse(JSON.parse(payload));
  if (requestId === undefined) return [];
  const kind = status === 'REJECTED' ? 'REJECTED' : change;
  return [{ type: 'PromotionRequestChanged', change: kind, channel, slug, requestId }];
}

async function movesOf(
  reader: Reader,
  workspaceId: string,
  event: StoredEvent,
  { cursor }: FeedPlace,
): Promise<ChannelMove[]> {
  const { type, promptId, promotionId } = event;
  if (promptId === null) return [];
  if ((type === 'VersionPromoted' || type === 'VersionWithdrawn') && promotionId !== null) {
    const { slug, channel, version = null, kind, previousVersion } = MOVED.parse(JSON.parse(event.payload));
    const facts =
      kind === undefined || previousVersion === undefined ? null : { kind, previousVersion, cursor };
    return [{ type, channel, slug, promptId, version, promotionId, facts }];
  }
  if (type !== 'PromptUpdated') return [];
  const { slug, before } = UPDATED.parse(JSON.parse(event.payload));
  if (before.slug === undefined) return [];
  const channels = await readChannelsOfPrompt(reader, workspaceId, promptId, event.seq);
  return movesOfRename(channels, { promptId, before: before.slug, after: slug });
}

/** To who follows slugs, a rename is one that is served no more and another that is served from now on. */
function movesOfRename(
  channels: readonly ChannelOfPrompt[],
  { promptId, before, after }: { promptId: string; before: string; after: string },
): ChannelMove[] {
  return channels.flatMap(({ channel, promotionId, version }): ChannelMove[] => [
    { type: 'VersionWithdrawn', channel, slug: before, promptId, version: null, promotionId, facts: null },
    { type: 'VersionPromoted', channel, slug: after, promptId, version, promotionId, facts: null },
  ]);
}
