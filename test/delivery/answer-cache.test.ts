import { beforeEach, describe, expect, it } from 'vitest';
import { createAnswerCache, ingredientOf } from '../../src/delivery/answer-cache.ts';
import type { Answer, AnswerCache } from '../../src/delivery/answer-cache.ts';
import { keyOf } from '../../src/delivery/held-versions.ts';
import { STABLE, stages } from './snapshot-fixture.ts';

const BYTES_MAX = 10_000;

const { stage } = stages();
let cache: AnswerCache<Answer>;
beforeEach(() => {
  cache = createAnswerCache(stage().snapshot(), BYTES_MAX);
});

const placeOf = (slug: string) => ({ workspaceId: stage().actor.workspaceId, slug, selector: STABLE });

/** An answer made of what these prompts serve now. */
async function answerOf(slugs: readonly string[], body = slugs.join()): Promise<Answer> {
  const madeOf = await Promise.all(
    slugs.map(async (slug) => {
      const { workspaceId, selector } = placeOf(slug);
      const held = await stage().snapshot().find(workspaceId, slug, selector);
      if (held === null) throw new Error(`${slug} is not served`);
      return ingredientOf(keyOf(placeOf(slug)), held);
    }),
  );
  return { madeOf, body: Buffer.from(body) };
}

describe('the answer cache', () => {
  it('finds an answer for as long as all is served that it was made of, and no longer', async () => {
    await Promise.all(['a', 'b', 'c'].map((slug) => stage().seed(slug)));
    await stage().skip();
    const both = await answerOf(['a', 'b']);
    const other = await answerOf(['c']);
    cache.keep('both', both);
    cache.keep('other', other);
    expect(cache.find('both')).toBe(both);
    await stage().promote('b', 2);
    expect(cache.find('both')).toBe(both);
    await stage().apply();
    expect(cache.find('both')).toBeUndefined();
    expect(cache.find('other')).toBe(other);
    await stage().promote('b', 1);
    await stage().apply();
    expect(cache.find('both')).toBeUndefined();
  });

  it('keeps no answer that is wrong by the time it is made', async () => {
    await stage().seed('a');
    await stage().skip();
    const old = await answerOf(['a']);
    await stage().promote('a', 2);
    await stage().apply();
    cache.keep('old', old);
    expect(cache.find('old')).toBeUndefined();
    expect(cache.sizeBytes()).toBe(0);
  });

  it('forgets with the prompt that is renamed, and with the workspace', async () => {
    const { app, actor } = stage();
    await Promise.all(['a', 'b'].map((slug) => stage().seed(slug)));
    await stage().skip();
    for (const slug of ['a', 'b']) cache.keep(slug, await answerOf([slug]));
    await app.updatePrompt(actor, { slug: 'a', newSlug: 'renamed' });
    await stage().apply();
    expect(cache.find('a')).toBeUndefined();
    expect(cache.find('b')).toBeDefined();
    await stage().snapshot().reset(actor.workspaceId, undefined);
    expect(cache.find('b')).toBeUndefined();
  });

  it('keeps what it answers from in the snapshot: it was asked for', async () => {
    // Of three answers of this size, two are held.
    stage().limit(10_000);
    cache = createAnswerCache(stage().snapshot(), BYTES_MAX);
    await Promise.all(['a', 'b', 'c'].map((slug) => stage().seed(slug, 1, 'x'.repeat(500))));
    cache.keep('a', await answerOf(['a']));
    cache.keep('b', await answerOf(['b']));
    expect(cache.find('a')).toBeDefined();
    await answerOf(['c']);
    expect([cache.find('a') === undefined, cache.find('b') === undefined]).toEqual([false, true]);
  });

  it('keeps nothing of what the snapshot has let go: a small answer does not hold a large prompt', async () => {
    await stage().seed('a');
    const { madeOf } = await answerOf(['a']);
    const values = madeOf.flatMap((ingredient) => Object.values(ingredient));
    expect(values.map((value) => typeof value).toSorted()).toEqual([
      'number',
      'number',
      'string',
      'string',
      'string',
    ]);
  });

  it('is bounded by bytes, and keeps nothing under a long key', async () => {
    await stage().seed('a');
    const large = await answerOf(['a'], 'x'.repeat(4_000));
    for (let number = 0; number < 10; number += 1) cache.keep(`answer ${number}`, large);
    expect(cache.sizeBytes()).toBeGreaterThan(4_000);
    expect(cache.sizeBytes()).toBeLessThanOrEqual(BYTES_MAX);
    expect(cache.find('answer 9')).toBe(large);
    expect(cache.find('answer 0')).toBeUndefined();
    const before = cache.sizeBytes();
    cache.keep('k'.repeat(7_000), await answerOf(['a'], ''));
    expect(cache.sizeBytes()).toBe(before);
  });
});
