import { describe, expect, it } from 'vitest';
import { Applying } from '../../src/sdk/applying.ts';
import type { Move } from '../../src/sdk/frame.ts';
import { Positions } from '../../src/sdk/positions.ts';
import { PromptState } from '../../src/sdk/prompt-state.ts';
import { contentHashOf } from '../../src/sdk/served-prompt.ts';
import type { ServedPrompt } from '../../src/sdk/types.ts';
import { virtualTime } from './virtual-time.ts';

async function prompt(slug: string, version: number): Promise<ServedPrompt> {
  const content = {
    slug,
    version,
    channel: 'stable',
    kind: 'TEXT',
    template: `${slug} ${version}`,
    messages: null,
    config: null,
    variables: [],
    contentHash: '',
    promotedAt: '2026-11-24T12:00:00.000Z',
  } as const;
  return { ...content, contentHash: await contentHashOf(content) };
}
const damaged = async (slug: string, version: number) => ({
  ...(await prompt(slug, version)),
  template: 'flipped',
});

function create() {
  const [state, positions, clock] = [new PromptState(), new Positions(), virtualTime()];
  const errors: string[] = [];
  const applying = new Applying({ state, positions, clock, failed: ({ code }) => errors.push(code) });
  const wanted = () => true;
  return {
    applying,
    clock,
    errors,
    snapshot: (cursor: string, ...served: readonly ServedPrompt[]) =>
      applying.apply({ type: 'replace', reason: 'REQUESTED', served, cursor }, wanted),
    commit: (cursor: string, ...moves: readonly Move[]) =>
      applying.apply({ type: 'commit', moves, cursor }, wanted),
    shown: () => Object.fromEntries(state.slugs().map((slug) => [slug, state.find(slug)?.served.version])),
    isAbsent: (slug: string) => state.isAbsent(slug),
    cursor: () => positions.current,
  };
}

const move = (served: ServedPrompt, previous: number | null): Move => ({
  type: 'promoted',
  slug: served.slug,
  served,
  previous,
  kind: 'PROMOTION',
  cursor: null,
  more: false,
});

describe('what is damaged', () => {
  it('changes nothing the first time; the second time the rest is taken, and what was known of it stays', async () => {
    const they = create();
    await they.snapshot('c1', await prompt('a', 1), await prompt('b', 1));
    const second = [await damaged('a', 2), await prompt('b', 2), await damaged('new', 1)];
    await expect(they.snapshot('c2', ...second)).rejects.toMatchObject({ code: 'CONTENT_MISMATCH' });
    expect([they.shown(), they.cursor()]).toEqual([{ a: 1, b: 1 }, 'c1']);
    const differences = await they.snapshot('c2', ...second);
    expect(differences).toEqual([
      { event: 'promoted', told: { slug: 'b', from: 1, to: 2, kind: null, cursor: 'c2' } },
    ]);
    expect([they.shown(), they.cursor()]).toEqual([{ a: 1, b: 2 }, 'c2']);
    expect([they.isAbsent('new'), they.isAbsent('nobody')]).toEqual([false, true]);
    expect(they.errors).toEqual(Array.from({ length: 4 }, () => 'CONTENT_MISMATCH'));
    await they.commit('c3', move(await prompt('new', 2), 1));
    expect(they.shown()).toEqual({ a: 1, b: 2, new: 2 });
  });

  it('never comes in by a commit, of which nothing is applied then', async () => {
    const they = create();
    await they.snapshot('c1', await prompt('a', 1), await prompt('b', 1));
    const commit = [move(await prompt('a', 2), 1), move(await damaged('b', 2), 1)];
    for (let time = 0; time < 3; time += 1)
      await expect(they.commit('c2', ...commit)).rejects.toMatchObject({ code: 'CONTENT_MISMATCH' });
    expect([they.shown(), they.cursor()]).toEqual([{ a: 1, b: 1 }, 'c1']);
  });
});

describe('what does not follow on', () => {
  it('is seen by the version before, once a minute at most, and not where nothing or the same is held', async () => {
    const they = create();
    await they.snapshot('c1', await prompt('a', 1));
    const [missed, renamed] = [move(await prompt('a', 3), 2), move(await prompt('b', 3), 2)];
    expect(they.applying.missedBefore([missed])).toBeNull();
    await they.clock.pass(60_000);
    expect(they.applying.missedBefore([missed])).toBe('a');
    expect(they.applying.missedBefore([renamed])).toBeNull();
    expect(they.applying.missedBefore([move(await prompt('a', 2), 1)])).toBeNull();
    expect(they.applying.missedBefore([move(await prompt('a', 1), 9)])).toBeNull();
  });
});
