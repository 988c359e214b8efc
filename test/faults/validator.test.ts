import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHistory, readHistory } from './history.ts';
import type { Entry, Frame } from './history.ts';
import { cursorAt, plantClient, plantFrames, plantOperations, plantState } from './planted.ts';
import { validate } from './validator.ts';
import type { FinalState } from './witness.ts';

// Sequences 1 to 10; 3, 4, 5 are one commit, 7 is heard of by nobody, 9 and 10 are one commit.
const STATE = plantState([['a@1'], ['b@1'], ['a@2', 'b@2', 'c@1'], ['a@1'], ['.'], ['b@-'], ['c@2', 'a@3']]);
const SERVED = { a: 3, c: 2 };
const FRAMES = plantFrames(STATE);
const start = cursorAt(STATE, 0);

type Moved = Frame & { kind: 'promoted' | 'withdrawn' };
const moved = (index: number) => FRAMES[index] as Moved;

function historyOf(
  frames: readonly Frame[],
  change: Partial<FinalState> = {},
  more: readonly Entry[] = [],
): Entry[] {
  const client = plantClient(frames, { cache: SERVED, after: start });
  return [...plantOperations(STATE), ...client, ...more, { what: 'state', state: { ...STATE, ...change } }];
}

/** `loss 5`: at the client's fifth frame, counted from 0; before the frames stand the operations, join and connect. */
const placesOf = (entries: readonly Entry[]) =>
  validate(entries).map(({ rule, line }) => `${rule} ${line - plantOperations(STATE).length - 2}`);
const without = (index: number) => FRAMES.toSpliced(index, 1);
const swapped = (index: number) => FRAMES.toSpliced(index, 2, moved(index + 1), moved(index));
const changed = (index: number, change: Partial<Moved>) =>
  FRAMES.toSpliced(index, 1, { ...moved(index), ...change } as Frame);
const bookmark = (seq: number): Frame => ({
  kind: 'bookmark',
  cursor: cursorAt(STATE, seq),
  more: false,
  lagMs: 0,
});

describe('a clean history', () => {
  it('passes', () => {
    expect(validate(historyOf(FRAMES))).toEqual([]);
  });

  it('passes with bookmarks, unknown frames, a cut inside a batch and what that repeats', () => {
    const frames = FRAMES.toSpliced(2, 0, bookmark(2), { kind: 'unknown', type: 'Novelty' });
    expect(validate(historyOf([...frames, bookmark(10)]))).toEqual([]);
    const cut: Entry[] = [
      ...plantOperations(STATE),
      ...plantClient(FRAMES.slice(0, 4), { cache: {}, after: start }).slice(0, -1),
      { what: 'disconnect', client: 'c', why: 'cut' },
      { what: 'connect', client: 'c', after: cursorAt(STATE, 1), node: 'n' },
      ...plantFrames(STATE, { after: 1 }).map((frame): Entry => ({ what: 'frame', client: 'c', frame })),
      { what: 'leave', client: 'c', caughtUp: true, cache: SERVED },
      { what: 'state', state: STATE },
    ];
    expect(validate(cut)).toEqual([]);
  });

  it('passes with a snapshot in two frames, as the event stream tells it, and without what is filtered', () => {
    const part = { kind: 'snapshot', reason: 'REQUESTED', cursor: null } as const;
    const frames: Frame[] = [
      { ...part, complete: false, more: true, entries: [{ slug: 'a', version: 2 }] },
      {
        ...part,
        complete: true,
        more: false,
        entries: [{ slug: 'c', version: 1 }],
        cursor: cursorAt(STATE, 5),
      },
      ...FRAMES.slice(5)
        .filter(
          (frame) =>
            frame.kind !== 'unknown' && frame.kind !== 'bookmark' && 'slug' in frame && frame.slug !== 'b',
        )
        .map((frame) => ({ ...frame, promotion: null }) as Frame),
    ];
    const client = plantClient(frames, { cache: SERVED, follows: { prompts: ['a', 'c'] } });
    expect(validate([...plantOperations(STATE), ...client, { what: 'state', state: STATE }])).toEqual([]);
  });

  it('passes when a reader with mode LATEST is spared what was overtaken, in one stretch', () => {
    const last = { more: false, cursor: cursorAt(STATE, 10) };
    const frames = [moved(6), moved(7), moved(8)].map((frame) => ({ ...frame, more: true, cursor: start }));
    const stretch = frames.with(2, { ...moved(8), ...last });
    const client = plantClient(stretch, { cache: SERVED, after: start, follows: { mode: 'LATEST' } });
    expect(validate([...plantOperations(STATE), ...client, { what: 'state', state: STATE }])).toEqual([]);
  });

  it('passes over a restore: another history, told by a snapshot', () => {
    const restored = plantState([['a@1'], ['b@1'], ['c@9']]);
    const frames: Frame[] = [
      ...FRAMES,
      {
        kind: 'snapshot',
        reason: 'HISTORY_CHANGED',
        complete: true,
        more: false,
        entries: [
          { slug: 'a', version: 1 },
          { slug: 'b', version: 1 },
        ],
        cursor: cursorAt(restored, 2),
      },
      ...plantFrames(restored, { after: 2 }),
    ];
    const client = plantClient(frames, { cache: { a: 1, b: 1, c: 9 }, after: start });
    const states: Entry[] = [STATE, restored].map((state) => ({ what: 'state', state }));
    expect(validate([...plantOperations(restored), ...client, ...states])).toEqual([]);
    expect(validate([...plantOperations(restored), ...client, ...states.slice(1)])).not.toEqual([]);
  });

  it('is the same when it is read back from its file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'pf-history-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const history = createHistory(join(directory, 'run.jsonl'));
    for (const entry of historyOf(without(5))) history.note(entry);
    const read = readHistory(join(directory, 'run.jsonl'));
    expect(read).toEqual(history.lines);
    expect(validate(read)).toEqual(validate(historyOf(without(5))));
  });
});

describe('a planted fault is found with its place', () => {
  const other = plantState([['x@1']], '01939c1e-7a6b-7000-8000-000000000002');
  it.each<[string, readonly Frame[], string[]]>([
    ['a loss', without(5), ['loss 5']],
    ['a loss in the last commit', without(8), ['loss 8', 'loss 8', 'cache 8']],
    ['a loss at the end', FRAMES.slice(0, 7), ['loss 7', 'loss 7', 'cache 7']],
    ['a duplicate', FRAMES.toSpliced(6, 0, moved(5)), ['duplicate 6']],
    ['a reorder', swapped(0), ['reorder 1']],
    ['a reorder inside a commit', FRAMES.toSpliced(2, 2, moved(3), moved(2)), ['reorder 3']],
    ['a tear: an event of a commit is missing', without(3), ['tear 3']],
    [
      'a tear: a commit is closed too early',
      changed(2, { more: false, cursor: cursorAt(STATE, 5) }),
      ['tear 2', 'tear 2', 'reorder 3', 'reorder 4'],
    ],
    ['a tear: a commit is not closed', changed(4, { more: true, cursor: cursorAt(STATE, 2) }), ['tear 5']],
    ['a foreign event', FRAMES.toSpliced(5, 0, ...plantFrames(other)), ['foreign 5']],
    [
      'a foreign event under a cursor of ours',
      FRAMES.toSpliced(5, 0, { ...moved(4), slug: 'x', promotion: 'theirs' }),
      ['foreign 5'],
    ],
    ['another content than the log has', changed(5, { version: 7 }), ['foreign 5', 'loss 5']],
    ['an early bookmark', FRAMES.toSpliced(5, 0, bookmark(6)), ['bookmark 5']],
    ['a bookmark that goes back', FRAMES.toSpliced(6, 0, bookmark(2)), ['cursor 6']],
    ['a bookmark inside a commit', FRAMES.toSpliced(3, 0, bookmark(2)), ['tear 3']],
    ['a cursor inside a commit', changed(4, { cursor: cursorAt(STATE, 4) }), ['cursor 4', 'cursor 4']],
    ['a cursor before the end of its commit', changed(4, { cursor: cursorAt(STATE, 2) }), ['cursor 4']],
    ['more: true with the end of its commit', changed(2, { cursor: cursorAt(STATE, 5) }), ['cursor 2']],
  ])('%s', (_title, frames, places) => {
    expect(placesOf(historyOf(frames))).toEqual(places);
  });

  it('a client that holds something else', () => {
    const wrong = historyOf(FRAMES).map((entry) =>
      entry.what === 'leave' ? { ...entry, cache: { a: 3 } } : entry,
    );
    expect(placesOf(wrong)).toEqual(['cache 9', 'cache 9']);
  });

  it('a snapshot that holds something else, or goes back', () => {
    const snapshot = (seq: number, entries: { slug: string; version: number }[]): Frame => ({
      kind: 'snapshot',
      reason: 'CURSOR_AHEAD',
      complete: true,
      more: false,
      entries,
      cursor: cursorAt(STATE, seq),
    });
    const wrong = [...FRAMES, snapshot(10, [{ slug: 'a', version: 3 }])];
    expect(placesOf(historyOf(wrong))[0]).toBe('snapshot 9');
    const back = [...FRAMES, snapshot(1, [{ slug: 'a', version: 1 }])];
    expect(placesOf(historyOf(back))[0]).toBe('cursor 9');
  });

  it('a prompt that mode LATEST left behind', () => {
    const frames: Frame[] = [
      { ...moved(7), more: true, cursor: start },
      { ...moved(8), more: false, cursor: cursorAt(STATE, 10) },
    ];
    const client = plantClient(frames, { cache: SERVED, after: start, follows: { mode: 'LATEST' } });
    expect(placesOf([...plantOperations(STATE), ...client, { what: 'state', state: STATE }])).toEqual([
      'loss 1',
    ]);
  });

  it('what is outside of the filter', () => {
    const client = plantClient(FRAMES, { cache: SERVED, after: start, follows: { prompts: ['a', 'c'] } });
    const found = placesOf([...plantOperations(STATE), ...client, { what: 'state', state: STATE }]);
    expect(found.filter((place) => place.startsWith('foreign'))).toHaveLength(3);
  });
});

describe('what the database holds is judged by what was answered', () => {
  const [first, ...rest] = STATE.promotions;
  const operations = (change: (entry: Entry) => Entry[]) => historyOf(FRAMES).flatMap(change);
  it.each<[string, Entry[], RegExp]>([
    ['a loss', historyOf(FRAMES, { promotions: rest }), /op-1 was acknowledged and is lost/],
    [
      'a duplicate',
      historyOf(FRAMES, {
        promotions: first === undefined ? [] : [...STATE.promotions, { ...first, id: 'again' }],
      }),
      /op-1 happened 2 times/,
    ],
    [
      'another version',
      historyOf(FRAMES, { promotions: first === undefined ? [] : [{ ...first, version: 9 }, ...rest] }),
      /op-1 happened to something else/,
    ],
    [
      'a part of a batch',
      historyOf(FRAMES, { promotions: STATE.promotions.filter(({ id }) => id !== 'promotion-4') }),
      /op-3 happened in part/,
    ],
    [
      'what nobody asked for',
      operations((entry) => ('op' in entry && entry.op === 'op-1' ? [] : [entry])),
      /was never asked for: op-1/,
    ],
    [
      'what was refused',
      operations((entry) => [entry.what === 'ok' ? { what: 'fail', op: entry.op, why: 'NO' } : entry]),
      /op-1 was refused and happened/,
    ],
    [
      'a pointer that stayed behind',
      historyOf(FRAMES, { pointers: [{ slug: 'a', promotion: 'promotion-6', version: 1 }] }),
      /a is pointed at promotion-6/,
    ],
    ['a hole', historyOf(FRAMES, { log: STATE.log.toSpliced(6, 1) }), /the chain is broken at event 8/],
    [
      'a changed event',
      historyOf(FRAMES, { log: STATE.log.map((row) => ({ ...row, actor_name: 'somebody else' })) }),
      /the chain is broken at event 1/,
    ],
  ])('%s', (_title, entries, wanted) => {
    expect(
      validate(entries)
        .map(({ says }) => says)
        .join('\n'),
    ).toMatch(wanted);
  });

  it('an unknown outcome is there wholly, or not at all', () => {
    const unknown = (entry: Entry): Entry[] => [
      entry.what === 'ok' ? { what: 'unknown', op: entry.op, why: 'cut' } : entry,
    ];
    expect(validate(operations(unknown))).toEqual([]);
    const never: Entry[] = [
      { what: 'invoke', op: 'lost', items: [{ slug: 'a', version: 1 }] },
      { what: 'unknown', op: 'lost', why: 'cut' },
    ];
    expect(validate(historyOf(FRAMES, {}, never))).toEqual([]);
  });
});
