import type { Frame } from './history.ts';
import { differs, flushMissing, reach, servedAt, show } from './seat.ts';
import type { Seat } from './seat.ts';

/** A snapshot replaces what the client held: when it is complete it must be what the channel served at its place. */
export function judgeSnapshot(seat: Seat, frame: Frame & { kind: 'snapshot' }): void {
  if (seat.group.length > 0) seat.find('tear', 'a snapshot inside a commit');
  seat.entries.push(...frame.entries);
  if (!frame.complete) return judgePart(seat, frame);
  const entries = new Map(seat.entries.map(({ slug, version }) => [slug, version]));
  if (entries.size !== seat.entries.length) seat.find('snapshot', 'a prompt stands in a snapshot twice');
  seat.entries = [];
  flushMissing(seat);
  if (frame.more) seat.find('tear', 'the last frame of a snapshot announces more');
  const isOther = frame.reason === 'HISTORY_CHANGED';
  if (isOther && !seat.nextEra()) seat.find('snapshot', 'HISTORY_CHANGED, and history did not change');
  const place = seat.index().place(frame.cursor ?? '');
  if (place === null) return seat.find('foreign', `the snapshot's cursor ${frame.cursor} is no place here`);
  if (!seat.index().isEnd(place)) seat.find('cursor', `the snapshot at ${place} is inside a commit`);
  if (!isOther && place < seat.highWater)
    seat.find(
      'cursor',
      `a snapshot (${frame.reason}) at ${place} goes back: the client was at ${seat.highWater}`,
    );
  if (isOther) seat.highWater = place;
  const served = servedAt(seat.expected(), place);
  if (differs(entries, served))
    seat.find('snapshot', `at ${place} it holds ${show(entries)}, the channel served ${show(served)}`);
  seat.cache.clear();
  for (const [slug, version] of entries) seat.cache.set(slug, version);
  seat.seen.clear();
  seat.knowsAll = true;
  reach(seat, place);
}

/** Whoever resumes from a part of a snapshot must not miss the rest: only the beginning of everything is safe. */
function judgePart(seat: Seat, { cursor, more }: Frame & { kind: 'snapshot' }): void {
  if (!more) seat.find('tear', 'a snapshot that is not complete announces nothing more');
  if (cursor !== null && seat.index().place(cursor) !== 0)
    seat.find('cursor', 'a snapshot that is not complete may be resumed from');
}
