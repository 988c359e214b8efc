import { Gap } from './frame.ts';
import type { Frame, Move, SnapshotFrame } from './frame.ts';
import type { Positions } from './positions.ts';
import type { ServedPrompt } from './types.ts';

/** What is applied at once. */
export type Change =
  | {
      readonly type: 'replace';
      readonly reason: string;
      readonly served: readonly ServedPrompt[];
      readonly cursor: string;
    }
  | { readonly type: 'commit'; readonly moves: readonly Move[]; readonly cursor: string }
  | { readonly type: 'bookmark'; readonly cursor: string; readonly lagMs: number };

/** Frames of a commit that never ends must not fill the memory; the server's own largest commit is 500 promotions. */
const COMMIT_FRAMES_MAX = 20_000;

interface Collected {
  part: number;
  readonly served: ServedPrompt[];
}

/** Puts the frames of one connection together: parts of a snapshot, frames of a commit. Says what is missing, as far as it can be seen. */
export class Assembler {
  readonly #positions: Positions;
  #snapshot: Collected | null = null;
  #moves: Move[] = [];
  /** The end of the last snapshot here: a part of it that comes again begins nothing. */
  #snapshotEnd: string | null = null;

  constructor(positions: Positions) {
    this.#positions = positions;
  }

  /** It waits for the rest of something. */
  get isPending(): boolean {
    return this.#snapshot !== null || this.#moves.length > 0;
  }

  /** What is whole with this frame; null: nothing, or nothing new. @throws Gap */
  take(frame: Frame): Change | null {
    if (frame.type === 'snapshot') return this.#collect(frame);
    if (this.#snapshot !== null) {
      const { part } = this.#snapshot;
      throw new Gap('GAP', `a snapshot ended after part ${part}`);
    }
    if (frame.type === 'bookmark') return this.#bookmark(frame.cursor, frame.lagMs);
    if (frame.more && frame.cursor !== null && this.#positions.isBehind(frame.cursor)) return null;
    if (frame.type !== 'unknown') this.#moves.push(frame);
    if (this.#moves.length > COMMIT_FRAMES_MAX)
      throw new Gap('GAP', `a commit has not ended after ${COMMIT_FRAMES_MAX} frames`);
    if (frame.more) return null;
    return this.#finish(frame);
  }

  #collect({ part, complete, entries, reason, cursor }: SnapshotFrame): Change | null {
    if (cursor !== null && complete && cursor === this.#snapshotEnd) return null;
    this.#moves = [];
    const known = part === 1 ? { part: 0, served: [] } : (this.#snapshot ?? { part: 0, served: [] });
    // The same part once more says nothing new.
    if (part > 1 && part === known.part) return null;
    if (part !== known.part + 1) throw new Gap('GAP', `part ${part} of a snapshot after part ${known.part}`);
    known.part = part;
    known.served.push(...entries);
    this.#snapshot = known;
    if (!complete) return null;
    this.#snapshot = null;
    this.#snapshotEnd = cursor;
    return { type: 'replace', reason, served: known.served, cursor: required(cursor) };
  }

  #bookmark(cursor: string | null, lagMs: number): Change | null {
    if (this.#moves.length > 0) throw new Gap('GAP', 'a commit has not ended');
    return { type: 'bookmark', cursor: required(cursor), lagMs };
  }

  #finish({ type, cursor }: Frame): Change | null {
    const moves = new Map<string, Move>();
    // The last move of a slug counts. What comes again in its commit is told once.
    for (const move of this.#moves) moves.set(move.slug, move);
    this.#moves = [];
    if (type === 'unknown' && cursor === null) return null;
    const end = required(cursor);
    if (this.#positions.has(end)) return null;
    return moves.size === 0
      ? { type: 'bookmark', cursor: end, lagMs: 0 }
      : { type: 'commit', moves: [...moves.values()], cursor: end };
  }
}

function required(cursor: string | null): string {
  if (cursor === null) throw new Gap('MALFORMED', 'a frame has no cursor');
  return cursor;
}
