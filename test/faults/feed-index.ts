import { decodeFeedCursor } from '../../src/domain/cursor.ts';
import type { Follows } from './history.ts';
import { createHash } from 'node:crypto';
import type { FinalState } from './witness.ts';

/** An event of the log that moved a channel. */
export interface Move {
  readonly seq: number;
  readonly commitSeq: number;
  readonly slug: string;
  /** Null: withdrawn. */
  readonly version: number | null;
  readonly promotion: string;
}

/** What a client that follows something must hear of a log. */
export interface Expected {
  /** In the order of the log. */
  readonly moves: readonly Move[];
  readonly indexOfPromotion: ReadonlyMap<string, number>;
  /** The index of the first move after a place. */
  after(seq: number): number;
}

export type FeedIndex = ReturnType<typeof indexLog>;

/** A log, read once for all clients. */
export function indexLog({ workspaceId, log }: FinalState) {
  const hashes = new Map<number, string>([[0, createHash('sha256').update(workspaceId).digest('hex')]]);
  const ends = new Map<number, number>();
  const moves: (Move & { readonly channel: string })[] = [];
  for (const row of log) {
    const [seq, commitSeq] = [Number(row.seq), Number(row.commit_seq)];
    hashes.set(seq, row.hash);
    ends.set(commitSeq, Math.max(seq, ends.get(commitSeq) ?? 0));
    if (row.type !== 'VersionPromoted' && row.type !== 'VersionWithdrawn') continue;
    const facts = JSON.parse(row.payload) as { slug: string; channel: string; version?: number };
    const { slug, channel, version = null } = facts;
    moves.push({ seq, commitSeq, slug, channel, version, promotion: row.promotion_id ?? '' });
  }
  const endPlaces = new Set([0, ...ends.values()]);
  const expected = new Map<string, Expected>();
  return {
    head: log.length === 0 ? 0 : Number(log.at(-1)?.seq),
    /** The sequence of a cursor; null when it is none, or one of another history or workspace. */
    place: (cursor: string): number | null => {
      const decoded = decode(cursor);
      if (decoded === null) return null;
      return hashes.get(decoded.seq)?.startsWith(decoded.hash) === true ? decoded.seq : null;
    },
    isEnd: (seq: number) => endPlaces.has(seq),
    endOf: (commitSeq: number) => ends.get(commitSeq) ?? commitSeq,
    expect: (follows: Follows): Expected => {
      const key = JSON.stringify([follows.channel, follows.prompts]);
      const known = expected.get(key) ?? expectedOf(moves, follows);
      expected.set(key, known);
      return known;
    },
  };
}

function decode(cursor: string): { seq: number; hash: string } | null {
  try {
    const { seq, hashPrefix } = decodeFeedCursor('cursor', cursor);
    return { seq: Number(seq), hash: Buffer.from(hashPrefix).toString('hex') };
  } catch {
    return null;
  }
}

function expectedOf(
  all: readonly (Move & { readonly channel: string })[],
  { channel, prompts }: Follows,
): Expected {
  const moves = all.filter((move) => move.channel === channel && matches(prompts, move.slug));
  return {
    moves,
    indexOfPromotion: new Map(moves.map(({ promotion }, index) => [promotion, index])),
    after: (seq) => {
      let [low, high] = [0, moves.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((moves[middle]?.seq ?? Infinity) > seq) high = middle;
        else low = middle + 1;
      }
      return low;
    },
  };
}

export function matches(prompts: readonly string[] | null, slug: string): boolean {
  if (prompts === null) return true;
  return prompts.some((pattern) =>
    pattern.endsWith('/*') ? slug.startsWith(pattern.slice(0, -1)) : slug === pattern,
  );
}
