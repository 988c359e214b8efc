import { indexLog } from './feed-index.ts';
import type { FeedIndex } from './feed-index.ts';
import type { Entry } from './history.ts';
import { closeGroup, judgeBookmark, passGroup } from './judge-moves.ts';
import { judgeSnapshot } from './judge-snapshot.ts';
import { createSeat, finish, flushMissing } from './seat.ts';
import type { Finding, Seat } from './seat.ts';
import { findings } from './witness.ts';

/**
 * Everything in a history that contradicts the promises, each with its line; nothing when they held. Pure: whatever it needs stands in the
 * history. Several states are the histories before and after restores, in their order.
 */
export function validate(history: readonly Entry[]): Finding[] {
  const states = history.flatMap((entry) => (entry.what === 'state' ? [entry.state] : []));
  const last = states.at(-1);
  if (last === undefined)
    return [{ rule: 'rig', line: 0, client: null, says: 'the history holds no final state' }];
  const eras = states.map(indexLog);
  const found: Finding[] = findings(history, last).map((says) => ({
    rule: 'operation',
    line: history.length - 1,
    client: null,
    says,
  }));
  const seats = new Map<string, Seat>();
  for (const [line, entry] of history.entries()) {
    if (entry.what === 'join') seats.set(entry.client, seatOf(entry, eras, found));
    if (!('client' in entry)) continue;
    const seat = seats.get(entry.client);
    if (seat === undefined) {
      found.push({ rule: 'rig', line, client: entry.client, says: 'a client that never joined' });
      continue;
    }
    seat.line = line;
    judge(seat, entry);
  }
  for (const seat of seats.values()) flushMissing(seat);
  return found;
}

function seatOf(entry: Entry & { what: 'join' }, eras: readonly FeedIndex[], found: Finding[]): Seat {
  return createSeat({
    client: entry.client,
    follows: entry.follows,
    eras,
    report: (finding) => found.push(finding),
  });
}

function judge(seat: Seat, entry: Extract<Entry, { client: string }>): void {
  switch (entry.what) {
    case 'join':
      return;
    case 'connect':
      return connect(seat, entry.after);
    case 'frame':
      return judgeFrame(seat, entry.frame);
    case 'disconnect':
      passGroup(seat);
      return flushMissing(seat);
    case 'leave':
      return finish(seat, entry);
    default:
      entry satisfies never;
  }
}

function connect(seat: Seat, after: string | null): void {
  passGroup(seat);
  flushMissing(seat);
  seat.seen.clear();
  seat.entries = [];
  seat.position = after === null ? null : seat.index().place(after);
  if (seat.position === 0) seat.knowsAll = true;
  if (seat.position !== null && seat.position > seat.highWater)
    seat.find('rig', `resumed at ${seat.position}, it had got to ${seat.highWater}`);
}

function judgeFrame(seat: Seat, frame: (Entry & { what: 'frame' })['frame']): void {
  switch (frame.kind) {
    case 'unknown':
      return;
    case 'bookmark':
      return judgeBookmark(seat, frame);
    case 'snapshot':
      return judgeSnapshot(seat, frame);
    case 'promoted':
    case 'withdrawn':
      seat.group.push({ frame, line: seat.line });
      if (!frame.more) closeGroup(seat);
      return;
    default:
      frame satisfies never;
  }
}
