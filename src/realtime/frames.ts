import type { ChannelState } from '../db/channel-state.ts';
import type { TopicMatch } from '../domain/channel-topic.ts';
import type { FeedCommit, ChannelMove, FeedPlace, RequestChange } from './feed-commit.ts';

export type SnapshotReason = 'REQUESTED' | 'CURSOR_EXPIRED' | 'HISTORY_CHANGED' | 'CURSOR_AHEAD';

interface FrameBase {
  /** Where to resume after this frame: the end of its commit; with `more`, the place before it, so that nothing of it is lost. */
  readonly cursor: string;
  /** Further frames of the same commit follow. */
  readonly more: boolean;
}

export interface MoveFrame extends FrameBase, Omit<ChannelMove, 'channel'> {}

/** A prompt that the channel served: under which slug then, and by which promotion. */
export interface SnapshotEntry {
  readonly slug: string;
  readonly promotionId: string;
}

export interface SnapshotFrame extends FrameBase {
  readonly type: 'ChannelSnapshot';
  readonly reason: SnapshotReason;
  /** 1, 2, 3 ... within its snapshot. */
  readonly part: number;
  readonly complete: boolean;
  readonly entries: readonly SnapshotEntry[];
  /** The place that the whole snapshot is of: the cursor of its last frame. */
  readonly end: string;
}

export interface BookmarkFrame extends FrameBase {
  readonly type: 'Bookmark';
  /** How long this node has known that it is behind the log; 0: it is not. */
  readonly lagMs: number;
}

/** What followers of requests hear. */
export interface RequestFrame extends FrameBase, RequestChange {}

/** One answer of a subscription, before it is rendered for whoever follows. */
export type Frame = MoveFrame | SnapshotFrame | BookmarkFrame | RequestFrame;

const ENTRIES_MAX = 100;
const ENTRIES_BYTES_MAX = 1024 * 1024;

/** What a follower of the channel hears of a commit. */
export function framesOfCommit(
  { begin, end, moves }: FeedCommit,
  channel: string,
  matches: TopicMatch,
): MoveFrame[] {
  return placed(
    moves.filter((move) => move.channel === channel && matches(move.slug)),
    begin,
    end,
  );
}

/** What a follower of requests hears of a commit. */
export function framesOfRequests(
  { begin, end, requests }: FeedCommit,
  channel: string | null,
  matches: TopicMatch,
): RequestFrame[] {
  return placed(
    requests.filter((change) => (channel === null || change.channel === channel) && matches(change.slug)),
    begin,
    end,
  );
}

/**
 * What a follower that fell behind hears of several commits: of each slug only the newest move, all of them as one commit, so that it
 * converges and never sees a part. Places are those of the whole stretch.
 */
export function framesConflated(
  commits: readonly FeedCommit[],
  channel: string,
  matches: TopicMatch,
): { readonly frames: MoveFrame[]; readonly left: number } {
  const [first, last] = [commits[0], commits.at(-1)];
  if (first === undefined || last === undefined) return { frames: [], left: 0 };
  const newest = new Map<string, ChannelMove>();
  let heard = 0;
  for (const move of commits.flatMap((commit) => commit.moves)) {
    if (move.channel !== channel || !matches(move.slug)) continue;
    heard += 1;
    // Taken out first: the newest of a slug stands where it happened, not where the slug came up first.
    newest.delete(move.slug);
    newest.set(move.slug, move);
  }
  return { frames: placed([...newest.values()], first.begin, last.end), left: heard - newest.size };
}

/** What the channel serves, in frames of at most 100 entries and about 1 MiB of text. `beginning` is the place before all history. */
export function framesOfState(
  { prompts }: ChannelState,
  matches: TopicMatch,
  {
    reason,
    beginning,
    end,
  }: { readonly reason: SnapshotReason; readonly beginning: FeedPlace; readonly end: FeedPlace },
): SnapshotFrame[] {
  const pages: SnapshotEntry[][] = [[]];
  let bytes = 0;
  for (const { slug, promotionId, contentBytes } of prompts) {
    if (!matches(slug)) continue;
    const page = pages.at(-1) ?? [];
    const isFull =
      page.length === ENTRIES_MAX || (page.length > 0 && bytes + contentBytes > ENTRIES_BYTES_MAX);
    const entry = { slug, promotionId };
    if (isFull) pages.push([entry]);
    else page.push(entry);
    bytes = isFull ? contentBytes : bytes + contentBytes;
  }
  return pages.map((entries, index) => {
    const complete = index === pages.length - 1;
    const cursor = complete ? end.cursor : beginning.cursor;
    return {
      type: 'ChannelSnapshot',
      reason,
      part: index + 1,
      complete,
      entries,
      end: end.cursor,
      cursor,
      more: !complete,
    };
  });
}

export function bookmark(place: FeedPlace, lagMs: number): BookmarkFrame {
  return { type: 'Bookmark', cursor: place.cursor, more: false, lagMs };
}

function placed<Told extends ChannelMove | RequestChange>(
  told: readonly Told[],
  begin: FeedPlace,
  end: FeedPlace,
): (Told & FrameBase)[] {
  return told.map((one, index) => {
    const more = index < told.length - 1;
    return { ...one, more, cursor: more ? begin.cursor : end.cursor };
  });
}
