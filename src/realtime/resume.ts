import { decodeFeedCursor } from '../domain/cursor.ts';
import type { CommitLog } from './commit-log.ts';
import type { FeedPlace } from './feed-commit.ts';
import type { SnapshotReason } from './frames.ts';

/** How many of the newest events can be replayed to who comes back; from further back it is cheaper to read what is served now. */
const REPLAY_EVENTS_MAX = 10_000n;
const CATCH_UP_MS = 2_000;

/** Where a follower begins. */
export type Start =
  | { readonly kind: 'now' }
  /** In the history of this epoch. */
  | { readonly kind: 'after'; readonly place: FeedPlace; readonly epoch: number }
  /** `seen`: how far the client has been already, on whichever node. */
  | { readonly kind: 'snapshot'; readonly reason: SnapshotReason; readonly seen: bigint };

export interface ResumeDeps {
  readonly log: CommitLog;
  /** Whether this node has got that far, after waiting a while for it. */
  readonly reach: (workspaceId: string, seq: bigint, timeoutMs: number) => Promise<boolean>;
}

/**
 * Where a follower with this cursor begins: after it, or, when that is impossible, with a snapshot and the reason.
 * @throws BadCursor for what was never given out.
 */
export async function startOf(
  { log, reach }: ResumeDeps,
  workspaceId: string,
  { after, snapshot }: { readonly after: string | null; readonly snapshot: boolean },
): Promise<Start> {
  if (after === null) return snapshot ? snapshotOf('REQUESTED') : { kind: 'now' };
  const { seq } = decodeFeedCursor('after', after);
  // A node that lags behind the one that gave the cursor out must not answer as if it knew better.
  if (!(await reach(workspaceId, seq, CATCH_UP_MS))) return snapshotOf('CURSOR_AHEAD', seq);
  const epoch = log.epoch(workspaceId);
  const place = await log.placeAt(workspaceId, seq);
  const head = log.head(workspaceId);
  if (place?.cursor !== after || head === undefined || seq > head.seq || epoch !== log.epoch(workspaceId))
    return snapshotOf('HISTORY_CHANGED');
  if (head.seq - seq > REPLAY_EVENTS_MAX) return snapshotOf('CURSOR_EXPIRED');
  return { kind: 'after', place, epoch };
}

export function snapshotOf(reason: SnapshotReason, seen = 0n): Start {
  return { kind: 'snapshot', reason, seen };
}
