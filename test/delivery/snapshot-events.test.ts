import { describe, expect, it } from 'vitest';
import { LATEST, STABLE, stages } from './snapshot-fixture.ts';

const { stage } = stages();

describe('what an event changes', () => {
  it('a withdrawal: the channel serves nothing, the others and the numbers do', async () => {
    await stage().seed('a');
    await stage().apply();
    await Promise.all([
      stage().versionOf('a'),
      stage().versionOf('a', LATEST),
      stage().versionOf('a', { number: 1 }),
    ]);
    await stage().app.withdrawPrompt(stage().actor, { slug: 'a', channel: 'stable' });
    await stage().apply();
    expect(await stage().isHeld('a', { number: 1 })).toBe(true);
    expect([
      await stage().versionOf('a'),
      await stage().versionOf('a', LATEST),
      await stage().versionOf('a', { number: 1 }),
    ]).toEqual([null, 3, 1]);
  });

  it('archiving: only latest and the numbers stay, also after restoring', async () => {
    await stage().seed('a');
    await stage().apply();
    await Promise.all([stage().versionOf('a'), stage().versionOf('a', LATEST)]);
    await stage().app.archivePrompt(stage().actor, { slug: 'a' });
    await stage().apply();
    expect([
      await stage().versionOf('a'),
      await stage().versionOf('a', LATEST),
      await stage().versionOf('a', { number: 1 }),
    ]).toEqual([null, 3, 1]);
    await stage().app.restorePrompt(stage().actor, { slug: 'a' });
    await stage().apply();
    expect([await stage().versionOf('a'), await stage().versionOf('a', LATEST)]).toEqual([null, 3]);
  });

  it('a rename: everything under the new slug, nothing under the old one', async () => {
    await stage().seed('a');
    await stage().apply();
    const selectors = [STABLE, LATEST, { number: 2 }];
    for (const selector of selectors) await stage().find('a', selector);
    await stage().app.updatePrompt(stage().actor, { slug: 'a', newSlug: 'z' });
    await stage().apply();
    for (const selector of selectors) {
      expect(await stage().find('a', selector)).toBeNull();
      expect(await stage().find('z', selector)).toMatchObject({ slug: 'z' });
    }
  });

  it('a rename onto a slug that was freed: the other prompt', async () => {
    await stage().seed('a', 1, 'old');
    await stage().seed('b', 2, 'new');
    await stage().apply();
    await Promise.all([stage().versionOf('a'), stage().versionOf('b')]);
    await stage().app.updatePrompt(stage().actor, { slug: 'a', newSlug: 'c' });
    await stage().app.updatePrompt(stage().actor, { slug: 'b', newSlug: 'a' });
    await stage().apply();
    expect((await stage().find('a'))?.content).toMatchObject({ template: 'new 1' });
    expect((await stage().find('c'))?.content).toMatchObject({ template: 'old 1' });
    expect(await stage().find('b')).toBeNull();
  });

  it('other metadata: nothing, not even a statement', async () => {
    await stage().seed('a');
    await stage().apply();
    await stage().versionOf('a');
    const asked = stage().reader.count();
    await stage().app.updatePrompt(stage().actor, {
      slug: 'a',
      description: 'new',
      tags: ['x'],
      owner: 'me',
    });
    await stage().apply();
    expect([await stage().isHeld('a', STABLE), stage().reader.count()]).toEqual([true, asked]);
  });

  it('a promotion: numbered versions stay in memory, for they never change', async () => {
    await stage().seed('a');
    await stage().apply();
    await Promise.all([
      stage().versionOf('a'),
      stage().versionOf('a', { number: 1 }),
      stage().versionOf('a', { number: 2 }),
    ]);
    await stage().promote('a', 2);
    await stage().apply();
    expect([await stage().isHeld('a', { number: 1 }), await stage().isHeld('a', { number: 2 })]).toEqual([
      true,
      true,
    ]);
  });
});

describe('memory', () => {
  it('is bounded by bytes: what was not asked for longest goes first', async () => {
    const text = 'x'.repeat(10_000);
    for (const slug of ['a', 'b', 'c', 'd']) await stage().seed(slug, 1, text);
    await stage().apply();
    stage().limit(100_000);
    for (const slug of ['a', 'b', 'c', 'a', 'd']) await stage().versionOf(slug);
    expect(stage().snapshot().sizeBytes()).toBeGreaterThan(60_000);
    expect(stage().snapshot().sizeBytes()).toBeLessThanOrEqual(100_000);
    for (const slug of ['a', 'c', 'd']) expect(await stage().isHeld(slug, STABLE), slug).toBe(true);
    expect(await stage().isHeld('b', STABLE)).toBe(false);
  });

  it('serves what is larger than all of it, without holding it', async () => {
    await stage().seed('big', 1, 'x'.repeat(50_000));
    stage().limit(10_000);
    expect(await stage().versionOf('big')).toBe(1);
    expect([await stage().isHeld('big', STABLE), stage().snapshot().sizeBytes()]).toEqual([false, 0]);
  });

  it('forgets of a prompt what was pushed out: an event then brings nothing back', async () => {
    const text = 'x'.repeat(10_000);
    for (const slug of ['a', 'b']) await stage().seed(slug, 2, text);
    await stage().apply();
    stage().limit(40_000);
    await stage().versionOf('a');
    await stage().versionOf('b');
    const asked = stage().reader.count();
    await stage().promote('a', 2);
    await stage().apply();
    expect(stage().reader.count()).toBe(asked);
    expect(await stage().versionOf('a')).toBe(2);
  });

  it('is empty after a reset', async () => {
    await stage().seed('a');
    await stage().apply();
    await stage().versionOf('a');
    await stage().snapshot().reset(stage().actor.workspaceId, undefined);
    expect([stage().snapshot().sizeBytes(), await stage().isHeld('a', STABLE)]).toEqual([0, false]);
    expect(await stage().versionOf('a')).toBe(1);
  });
});
