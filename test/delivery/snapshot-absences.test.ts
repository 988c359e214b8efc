import { describe, expect, it } from 'vitest';
import { createAbsences } from '../../src/delivery/absences.ts';
import { createSnapshot } from '../../src/delivery/snapshot.ts';
import type { Selector } from '../../src/delivery/snapshot.ts';
import { LATEST, PROGRESS, STABLE, stages } from './snapshot-fixture.ts';

const CANARY = { channel: 'canary' };

const { registry, stage } = stages();

describe('what is not served', () => {
  it('is asked for once, whoever asks how often', async () => {
    const places: [string, Selector][] = [
      ['none', STABLE],
      ['none', CANARY],
      ['none', { number: 7 }],
    ];
    for (const [slug, selector] of places) expect(await stage().versionOf(slug, selector)).toBeNull();
    const asked = stage().reader.count();
    for (const [slug, selector] of places) expect(await stage().versionOf(slug, selector)).toBeNull();
    expect(stage().reader.count()).toBe(asked);
    expect(stage().snapshot().counts()).toMatchObject({ hits: 3, absent: 3, misses: 3, loads: 3 });
  });

  it.each<[string, (name: string) => Promise<unknown>, string, Selector, number]>([
    ['a first version', (name) => stage().seed(name, 1), 'new', LATEST, 1],
    ['a save', (name) => edit(name), 'old', { number: 4 }, 4],
    ['a promotion', (name) => stage().promote(name, 2), 'withdrawn', STABLE, 2],
    ['a rename to it', (name) => rename('other', name), 'renamed', STABLE, 1],
    ['a new channel that serves it', (name) => promoteNew(name), 'old', CANARY, 3],
  ])('is there after %s', async (_what, change, slug, selector, version) => {
    for (const known of ['old', 'other', 'withdrawn']) await stage().seed(known);
    await stage().app.withdrawPrompt(stage().actor, { slug: 'withdrawn', channel: 'stable' });
    await stage().apply();
    expect(await stage().versionOf(slug, selector)).toBeNull();
    await change(slug);
    await stage().apply();
    expect(await stage().versionOf(slug, selector)).toBe(version);
  });

  it('is not asked for again because of what happens to others, here or elsewhere', async () => {
    await stage().seed('a');
    await stage().apply();
    const stranger = await registry().addWorkspace();
    await stage().versionOf('none');
    const asked = stage().reader.count();
    await stage().promote('a', 2);
    await stage().apply();
    await stage().snapshot().reset(stranger.workspaceId, undefined);
    expect([await stage().versionOf('none'), stage().reader.count()]).toEqual([null, asked]);
  });

  it('is still so on a new channel, which serves nothing: it is not asked for again', async () => {
    await stage().seed('a');
    await stage().apply();
    expect(await stage().versionOf('a', CANARY)).toBeNull();
    const asked = stage().reader.count();
    await stage().app.createChannel(stage().actor, { name: 'canary' });
    await stage().apply();
    expect([await stage().versionOf('a', CANARY), stage().reader.count()]).toEqual([null, asked]);
  });

  it('is unknown while the database is away', async () => {
    let isReachable = true;
    const { reader, control } = registry().opened;
    const options = { bytesMax: 1_000_000, isReachable: () => isReachable, progress: PROGRESS };
    const snapshot = createSnapshot({ reader, control }, options);
    const find = async () => snapshot.find(stage().actor.workspaceId, 'none', STABLE);
    expect(await find()).toBeNull();
    isReachable = false;
    await expect(find()).rejects.toThrow('not available');
    isReachable = true;
    expect(await find()).toBeNull();
  });

  it('pushes out nothing that is served', async () => {
    await stage().seed('a');
    await stage().apply();
    stage().limit(4_000);
    await stage().versionOf('a');
    for (let index = 0; index < 50; index += 1) await stage().versionOf(`none-${index}`);
    expect([await stage().isHeld('a', STABLE), stage().snapshot().counts().evictions]).toEqual([true, 0]);
  });
});

describe('the memory of what is not served', () => {
  it('is bounded, however many slugs and channels are asked for', () => {
    const absences = createAbsences();
    const add = (slug: string, channel: string) =>
      absences.add({ workspaceId: 'w', slug, selector: { channel } });
    for (let index = 0; index < 50_000; index += 1) add(`${index}-${'x'.repeat(190)}`, 'stable');
    const full = absences.sizeBytes();
    expect(full).toBeLessThanOrEqual(8 * 1024 * 1024);
    for (let index = 0; index < 1_000; index += 1) add('one', `c-${index}`);
    expect(absences.sizeBytes() - full).toBeLessThan(11_000);
    const has = (slug: string, channel: string) =>
      absences.has({ workspaceId: 'w', slug, selector: { channel } });
    expect([has('one', 'c-0'), has('one', 'c-999'), has(`0-${'x'.repeat(190)}`, 'stable')]).toEqual([
      true,
      false,
      false,
    ]);
    absences.deleteWorkspace('w');
    expect(absences.sizeBytes()).toBe(0);
  });
});

async function edit(slug: string) {
  return stage().app.editPrompt(stage().actor, { slug, content: { template: 'four' } });
}

async function rename(slug: string, newSlug: string) {
  return stage().app.updatePrompt(stage().actor, { slug, newSlug });
}

async function promoteNew(slug: string) {
  await stage().app.createChannel(stage().actor, { name: 'canary' });
  return stage().app.promoteVersion(stage().actor, { slug, channel: 'canary', version: 3 });
}
