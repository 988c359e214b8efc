import { describe, expect, it } from 'vitest';
import { parseTopic, topicMatch } from '../../src/domain/channel-topic.ts';
import { beginningOf, placeOf } from '../../src/realtime/feed-commit.ts';
import type { ChannelMove, FeedCommit } from '../../src/realtime/feed-commit.ts';
import { framesConflated, framesOfCommit, framesOfState } from '../../src/realtime/frames.ts';

const all = topicMatch(parseTopic('stable', null));
const place = (seq: number) => placeOf({ seq: BigInt(seq), hash: Buffer.alloc(32, seq) });

function move(slug: string, version: number | null, channel = 'stable'): ChannelMove {
  const type = version === null ? 'VersionWithdrawn' : 'VersionPromoted';
  return { type, channel, slug, promptId: slug, version, promotionId: `${slug}-${version}`, facts: null };
}

function commit(from: number, ...moves: ChannelMove[]): FeedCommit {
  const end = from + Math.max(1, moves.length);
  return { begin: place(from), end: place(end), atMicros: 0n, moves, requests: [], events: end - from };
}

const briefly = (
  frames: readonly { slug: string; version: number | null; cursor: string; more: boolean }[],
) => frames.map(({ slug, version, cursor, more }) => [slug, version, cursor, more]);

describe('the frames of a commit', () => {
  it('carry the place before it while more follow, and its end at last', () => {
    const frames = framesOfCommit(commit(4, move('a', 1), move('b', 2), move('c', 3)), 'stable', all);
    expect(briefly(frames)).toEqual([
      ['a', 1, place(4).cursor, true],
      ['b', 2, place(4).cursor, true],
      ['c', 3, place(7).cursor, false],
    ]);
  });

  it('are those of the channel and of the prompts that are followed; the last of them ends the commit', () => {
    const moves = [move('a', 1), move('x/a', 1), move('x/b', 1, 'latest'), move('x/c', null), move('b', 1)];
    const frames = framesOfCommit(commit(0, ...moves), 'stable', topicMatch(parseTopic('stable', ['x/*'])));
    expect(briefly(frames)).toEqual([
      ['x/a', 1, place(0).cursor, true],
      ['x/c', null, place(5).cursor, false],
    ]);
    expect(framesOfCommit(commit(0, move('a', 1)), 'canary', all)).toEqual([]);
  });
});

describe('the frames of several commits, conflated', () => {
  it('are the newest of each slug, where it happened, as one commit', () => {
    const commits = [
      commit(0, move('a', 1), move('b', 1)),
      commit(2, move('c', 1)),
      commit(3, move('b', null)),
      commit(4, move('a', 2), move('a', 3, 'canary')),
    ];
    const { frames, left } = framesConflated(commits, 'stable', all);
    expect(briefly(frames)).toEqual([
      ['c', 1, place(0).cursor, true],
      ['b', null, place(0).cursor, true],
      ['a', 2, place(6).cursor, false],
    ]);
    expect(left).toBe(2);
  });

  it('are none of no commits', () => {
    expect(framesConflated([], 'stable', all)).toEqual({ frames: [], left: 0 });
  });
});

describe('the frames of a state', () => {
  const beginning = beginningOf('01a20704-4375-71ae-9cbf-3ec9bafaceeb');
  const state = (sizes: readonly number[]) => ({
    head: { seq: 9n, hash: Buffer.alloc(32, 9) },
    prompts: sizes.map((contentBytes, index) => ({
      slug: `p${index}`,
      promotionId: `${index}`,
      contentBytes,
    })),
  });
  const framesOf = (sizes: readonly number[], matches = all) =>
    framesOfState(state(sizes), matches, { reason: 'REQUESTED', beginning, end: place(9) });

  it('hold at most a hundred entries and about 1 MiB; whoever resumes within them begins anew', () => {
    const many = framesOf(Array.from({ length: 201 }, () => 10));
    expect(
      many.map(({ entries, complete, more, cursor }) => [entries.length, complete, more, cursor]),
    ).toEqual([
      [100, false, true, beginning.cursor],
      [100, false, true, beginning.cursor],
      [1, true, false, place(9).cursor],
    ]);
    const large = framesOf([600_000, 600_000, 400_000, 2_000_000, 1]);
    expect(large.map(({ entries }) => entries.map(({ promotionId }) => promotionId))).toEqual([
      ['0'],
      ['1', '2'],
      ['3'],
      ['4'],
    ]);
  });

  it('are one empty, complete frame when nothing is served', () => {
    expect(framesOf([])).toMatchObject([
      { entries: [], complete: true, more: false, cursor: place(9).cursor },
    ]);
    expect(framesOf([1, 1], topicMatch(parseTopic('stable', ['p1'])))).toMatchObject([
      { entries: [{ slug: 'p1', promotionId: '1' }] },
    ]);
  });
});
