import type { Expected, FeedIndex, Move } from './feed-index.ts';
import type { Entry, Follows, Frame, Item } from './history.ts';

export type Rule =
  | 'loss'
  | 'duplicate'
  | 'reorder'
  | 'tear'
  | 'foreign'
  | 'bookmark'
  | 'cursor'
  | 'snapshot'
  | 'cache'
  | 'operation'
  | 'rig';

/** Something that contradicts a promise, and the line of the history where it shows. */
export interface Finding {
  readonly rule: Rule;
  readonly line: number;
  readonly client: string | null;
  readonly says: string;
}

export type MoveFrame = Frame & { kind: 'promoted' | 'withdrawn' };

/** What the validator knows of one client while it reads the history. */
export interface Seat {
  readonly follows: Follows;
  readonly index: () => FeedIndex;
  readonly expected: () => Expected;
  /** History changed under the client: what follows is judged by the next one. @returns whether there is one. */
  readonly nextEra: () => boolean;
  readonly find: (rule: Rule, says: string, line?: number) => void;
  line: number;
  /** Everything up to here was delivered; null: a session that began with whatever came first. */
  position: number | null;
  /** The furthest place that this client was ever given. */
  highWater: number;
  /** Frames of a commit that is not closed yet. */
  group: { readonly frame: MoveFrame; readonly line: number }[];
  /** What this session has delivered. */
  readonly seen: Set<number>;
  /** What was passed over, and where; it may still come, which is a reorder and no loss. */
  readonly missing: Map<number, number>;
  /** Entries of a snapshot that is not complete yet. */
  entries: Item[];
  readonly cache: Map<string, number>;
  /** It began with a snapshot, or with the beginning: the cache must be all that is served. */
  knowsAll: boolean;
}

export function createSeat(options: {
  readonly client: string;
  readonly follows: Follows;
  readonly eras: readonly FeedIndex[];
  readonly report: (finding: Finding) => void;
}): Seat {
  const { client, follows, eras, report } = options;
  let era = 0;
  const index = (): FeedIndex => {
    const current = eras[era];
    if (current === undefined) throw new Error(`no history ${era}`);
    return current;
  };
  const seat: Seat = {
    follows,
    index,
    expected: () => index().expect(follows),
    nextEra: () => {
      if (era + 1 >= eras.length) return false;
      era += 1;
      return true;
    },
    find: (rule, says, line = seat.line) => report({ rule, line, client, says }),
    line: 0,
    position: null,
    highWater: 0,
    group: [],
    seen: new Set(),
    missing: new Map(),
    entries: [],
    cache: new Map(),
    knowsAll: false,
  };
  return seat;
}

export function reach(seat: Seat, position: number): void {
  seat.position = position;
  seat.highWater = Math.max(seat.highWater, position);
}

/** The moves after one place up to another. */
export function between(expected: Expected, after: number, upTo: number): readonly Move[] {
  return expected.moves.slice(expected.after(after), expected.after(upTo));
}

/** What the channel serves at a place, by slug. */
export function servedAt(expected: Expected, upTo: number): Map<string, number> {
  const served = new Map<string, number>();
  for (const { slug, version } of expected.moves.slice(0, expected.after(upTo))) {
    if (version === null) served.delete(slug);
    else served.set(slug, version);
  }
  return served;
}

/** What was passed over and did not come until the session was over. */
export function flushMissing(seat: Seat): void {
  for (const [seq, line] of seat.missing) seat.find('loss', `event ${seq} was never delivered`, line);
  seat.missing.clear();
}

/** The client says that it has heard everything and holds this. */
export function finish(seat: Seat, { caughtUp, cache }: Entry & { what: 'leave' }): void {
  flushMissing(seat);
  if (!caughtUp) return;
  const { head } = seat.index();
  const expected = seat.expected();
  for (const { seq } of between(expected, seat.position ?? head, head))
    seat.find('loss', `event ${seq} was never delivered`);
  const held = new Map(Object.entries(cache));
  if (differs(held, seat.cache))
    seat.find('cache', `holds ${show(held)}, its frames say ${show(seat.cache)}`);
  const served = servedAt(expected, head);
  // A session that began without a snapshot knows what moved since, not all that is served.
  const isPart = [...held].every(([slug, version]) => served.get(slug) === version);
  if (!isPart || (seat.knowsAll && differs(held, served)))
    seat.find('cache', `holds ${show(held)}, the channel serves ${show(served)}`);
}

export function differs(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size !== b.size || [...a].some(([slug, version]) => b.get(slug) !== version);
}

export function show(served: ReadonlyMap<string, number>): string {
  const text = [...served]
    .map(([slug, version]) => `${slug}@${version}`)
    .toSorted()
    .join(' ');
  return text.length > 300 ? `${text.slice(0, 300)}...` : text || 'nothing';
}
