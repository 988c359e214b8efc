import type { Move } from './feed-index.ts';
import { matches } from './feed-index.ts';
import type { Frame } from './history.ts';
import { between, reach } from './seat.ts';
import type { MoveFrame, Seat } from './seat.ts';

interface Heard {
  readonly move: Move;
  readonly frame: MoveFrame;
  readonly line: number;
}

/** A frame with `more: false` has come: all frames since the last one are one commit, or, for LATEST, one stretch of the log. */
export function closeGroup(seat: Seat): void {
  const frames = seat.group;
  seat.group = [];
  const end = seat.index().place(frames.at(-1)?.frame.cursor ?? '');
  if (end === null) {
    seat.find('foreign', `the cursor ${frames.at(-1)?.frame.cursor} is no place of this history`);
    return;
  }
  const heard = frames.flatMap(({ frame, line }) => {
    const move = resolve(seat, { frame, line, end });
    return move === null ? [] : [{ move, frame, line }];
  });
  const base = seat.position ?? beginOf(seat, heard) ?? end;
  seat.position ??= base;
  judgeOrder(seat, heard, base);
  judgePlaces(seat, heard, { base, end });
  if (end <= base) return;
  judgeWhole(seat, heard, { base, end });
  for (const { move } of heard) {
    if (move.version === null) seat.cache.delete(move.slug);
    else seat.cache.set(move.slug, move.version);
  }
  reach(seat, end);
}

/** A session without a place began where its first commit did. */
function beginOf(seat: Seat, heard: readonly Heard[]): number | null {
  const [first] = heard;
  if (first === undefined) return null;
  const told = first.frame.more ? seat.index().place(first.frame.cursor ?? '') : null;
  return told ?? first.move.commitSeq - 1;
}

/** The event that a frame tells of; null, with a finding, when it is none of this client's. */
function resolve(
  seat: Seat,
  { frame, line, end }: { readonly frame: MoveFrame; readonly line: number; readonly end: number | null },
): Move | null {
  const { slug, version, promotion } = frame;
  const named = `${slug}@${version ?? 'withdrawn'}`;
  const expected = seat.expected();
  if (!matches(seat.follows.prompts, slug)) {
    seat.find('foreign', `${named} is outside of what it follows`, line);
    return null;
  }
  const move =
    promotion === null
      ? unnamed(seat, frame, end)
      : expected.moves[expected.indexOfPromotion.get(promotion) ?? -1];
  if (move === undefined) {
    seat.find('foreign', `${named} (${promotion}) is no event of this history`, line);
    return null;
  }
  if (move.slug !== slug || move.version !== version) {
    seat.find(
      'foreign',
      `${named} is told of event ${move.seq}, which is ${move.slug}@${move.version}`,
      line,
    );
    return null;
  }
  return move;
}

/** The event stream names no promotion: the next one that fits, and for LATEST the newest. */
function unnamed(seat: Seat, { slug, version }: MoveFrame, end: number | null): Move | undefined {
  const candidates = between(seat.expected(), seat.position ?? 0, end ?? seat.index().head).filter(
    (move) => move.slug === slug && move.version === version && !seat.seen.has(move.seq),
  );
  const again = seat.expected().moves.findLast((move) => move.slug === slug && move.version === version);
  return (seat.follows.mode === 'ALL' ? candidates[0] : candidates.at(-1)) ?? again;
}

function judgeOrder(seat: Seat, heard: readonly Heard[], base: number): void {
  let last = base;
  for (const { move, line } of heard) {
    const { seq } = move;
    if (seat.seen.has(seq)) seat.find('duplicate', `event ${seq} was delivered twice in one session`, line);
    else if (seq <= last)
      seat.find('reorder', `event ${seq} was delivered after ${Math.max(last, base)}`, line);
    seat.missing.delete(seq);
    seat.seen.add(seq);
    last = Math.max(last, seq);
  }
}

/** The last frame carries the end of its commit, those before it the place before their commit. */
function judgePlaces(
  seat: Seat,
  heard: readonly Heard[],
  { base, end }: { readonly base: number; readonly end: number },
): void {
  const index = seat.index();
  if (!index.isEnd(end)) seat.find('cursor', `the cursor at ${end} is inside a commit`);
  const [first, last] = [heard[0]?.move, heard.at(-1)?.move];
  if (first === undefined || last === undefined) return;
  const isAll = seat.follows.mode === 'ALL';
  if (end < last.seq) seat.find('cursor', `the cursor at ${end} comes before its event ${last.seq}`);
  else if (isAll && end !== index.endOf(last.commitSeq))
    seat.find('cursor', `the cursor at ${end} is not the end of the commit of event ${last.seq}`);
  for (const { frame, line, move } of heard) {
    if (!frame.more || frame.cursor === null) continue;
    const place = index.place(frame.cursor);
    const isBefore = place !== null && place < first.commitSeq && index.isEnd(place);
    // Anything further back would only replay more, but the promise is the place before the commit.
    if (!isBefore || (isAll && place !== move.commitSeq - 1) || place < Math.min(base, first.commitSeq - 1))
      seat.find(
        'cursor',
        `a frame with more: true at ${place}, its commit begins with ${first.commitSeq}`,
        line,
      );
  }
}

/** Nothing that the new place covers may be left out; for LATEST, only what is newer of the same prompt may stand for it. */
function judgeWhole(
  seat: Seat,
  heard: readonly Heard[],
  { base, end }: { readonly base: number; readonly end: number },
): void {
  const commits = new Set(heard.map(({ move }) => move.commitSeq));
  const isAll = seat.follows.mode === 'ALL';
  if (isAll && commits.size > 1)
    seat.find('tear', `one group of frames holds the commits ${[...commits].join(', ')}`);
  for (const move of wanted(seat, base, end)) {
    if (seat.seen.has(move.seq)) continue;
    seat.missing.set(move.seq, seat.line);
    if (!commits.has(move.commitSeq)) continue;
    seat.missing.delete(move.seq);
    seat.find('tear', `the commit ${move.commitSeq} was closed without its event ${move.seq}`);
  }
}

function wanted(seat: Seat, after: number, upTo: number): readonly Move[] {
  const moves = between(seat.expected(), after, upTo);
  if (seat.follows.mode === 'ALL') return moves;
  return [...new Map(moves.map((move) => [move.slug, move])).values()];
}

/** The session ended inside a commit: it was not applied, only that it is ours can be judged. */
export function passGroup(seat: Seat): void {
  for (const { frame, line } of seat.group)
    if (frame.promotion !== null) resolve(seat, { frame, line, end: null });
  seat.group = [];
}

export function judgeBookmark(seat: Seat, { cursor }: Frame & { kind: 'bookmark' }): void {
  const place = seat.index().place(cursor ?? '');
  if (place === null) return seat.find('foreign', `the bookmark ${cursor} is no place of this history`);
  if (seat.group.length > 0) seat.find('tear', 'a bookmark inside a commit');
  if (!seat.index().isEnd(place)) seat.find('cursor', `the bookmark at ${place} is inside a commit`);
  if (seat.position !== null && place < seat.position)
    return seat.find('cursor', `the bookmark at ${place} comes after ${seat.position}`);
  const early = between(seat.expected(), seat.position ?? place, place)[0];
  if (early !== undefined)
    return seat.find('bookmark', `the bookmark at ${place} came before event ${early.seq}, which it covers`);
  reach(seat, place);
}
