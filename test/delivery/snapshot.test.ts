import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createSnapshot } from '../../src/delivery/snapshot.ts';
import { LATEST, PROGRESS, STABLE, stages } from './snapshot-fixture.ts';

const { registry, stage } = stages();

describe('the serving snapshot', () => {
  it('asks the database once, and from then on follows the events', async () => {
    await stage().seed('a');
    await stage().apply();
    expect([
      await stage().versionOf('a'),
      await stage().versionOf('a', LATEST),
      await stage().versionOf('a', { number: 2 }),
    ]).toEqual([1, 3, 2]);
    const asked = stage().reader.count();
    await stage().promote('a', 2);
    await stage().apply();
    await stage().app.editPrompt(stage().actor, { slug: 'a', content: { template: 'four' } });
    await stage().apply();
    expect([await stage().isHeld('a', STABLE), await stage().isHeld('a', LATEST)]).toEqual([true, true]);
    expect([await stage().versionOf('a'), await stage().versionOf('a', LATEST)]).toEqual([2, 4]);
    // A refresh is one statement a commit; a read is none.
    expect(stage().reader.count()).toBe(asked + 2);
  });

  it('keeps the cursor and the time of the promotion that is served', async () => {
    await stage().seed('a');
    await stage().apply();
    const before = await stage().find('a');
    await stage().promote('a', 2);
    await stage().apply();
    const after = await stage().find('a');
    expect(after?.cursor).not.toBe(before?.cursor);
    expect(after?.promotedAt?.getTime()).toBeGreaterThanOrEqual(before?.promotedAt?.getTime() ?? Infinity);
    expect(await stage().find('a', { number: 2 })).toMatchObject({
      cursor: null,
      promotedAt: null,
      channel: null,
    });
  });

  it('has nothing for what is not there, until it is told of it', async () => {
    expect(await stage().versionOf('none')).toBeNull();
    await stage().seed('none');
    await stage().apply();
    expect(await stage().versionOf('none')).toBe(1);
    expect(await stage().versionOf('none', { number: 9 })).toBeNull();
    expect(await stage().versionOf('none', { channel: 'canary' })).toBeNull();
  });

  it('asks the database once for any number of simultaneous readers', async () => {
    await stage().seed('a');
    const versions = await Promise.all(Array.from({ length: 50 }, () => stage().versionOf('a')));
    expect(new Set(versions)).toEqual(new Set([1]));
    expect(stage().reader.count()).toBe(1);
  });

  it('asks again after a load that failed', async () => {
    await stage().seed('a');
    const reader = new Proxy(registry().opened.reader, {
      get: (target, name) => {
        if (name !== '$queryRaw') return Reflect.get(target, name);
        return stage().reader.count() === 0 && failOnce()
          ? () => Promise.reject(new Error('away'))
          : Reflect.get(target, name);
      },
    });
    const broken = createSnapshot(
      { reader, control: registry().opened.control },
      { bytesMax: 1_000 * 1_000, isReachable: () => true, progress: PROGRESS },
    );
    let failures = 1;
    function failOnce(): boolean {
      failures -= 1;
      return failures >= 0;
    }
    const load = () => Promise.resolve(broken.find(stage().actor.workspaceId, 'a', STABLE));
    await expect(load()).rejects.toThrow('away');
    expect((await load())?.source.version).toBe(1);
  });

  it('keeps workspaces apart', async () => {
    const stranger = await registry().addWorkspace();
    await stage().seed('a');
    expect(await stage().versionOf('a')).toBe(1);
    expect(await stage().snapshot().find(stranger.workspaceId, 'a', STABLE)).toBeNull();
    await stage().snapshot().reset(stranger.workspaceId, undefined);
    expect(await stage().isHeld('a', STABLE)).toBe(true);
  });
});

describe('an event that arrives during a load', () => {
  it('wins over what the load has read', async () => {
    await stage().seed('a');
    await stage().skip();
    const { passLater, release } = stage().reader.hold();
    const load = stage().versionOf('a');
    await expect.poll(() => stage().reader.answered()).toBe(1);
    passLater();
    await stage().promote('a', 2);
    await stage().apply();
    release();
    expect(await load).toBe(2);
    expect(await stage().versionOf('a')).toBe(2);
  });

  it('wins also when it tells of a rename, for both slugs', async () => {
    await stage().seed('a');
    await stage().skip();
    const { passLater, release } = stage().reader.hold();
    const loads = [stage().versionOf('a'), stage().versionOf('b')];
    await expect.poll(() => stage().reader.answered()).toBe(2);
    passLater();
    await stage().app.updatePrompt(stage().actor, { slug: 'a', newSlug: 'b' });
    await stage().apply();
    release();
    expect(await Promise.all(loads)).toEqual([null, 1]);
  });

  it('lets loads of other prompts be', async () => {
    await stage().seed('a');
    await stage().seed('b');
    await stage().skip();
    const { passLater, release } = stage().reader.hold();
    const load = stage().versionOf('b');
    await expect.poll(() => stage().reader.answered()).toBe(1);
    passLater();
    await stage().promote('a', 2);
    await stage().apply();
    release();
    expect(await load).toBe(1);
    expect(stage().reader.count()).toBe(1);
  });

  it('makes a reset outdate every load of the workspace', async () => {
    await stage().seed('a');
    await stage().skip();
    const { passLater, release } = stage().reader.hold();
    const load = stage().versionOf('a');
    await expect.poll(() => stage().reader.answered()).toBe(1);
    passLater();
    await stage().promote('a', 2);
    await stage().snapshot().reset(stage().actor.workspaceId, undefined);
    release();
    expect(await load).toBe(2);
  });
});

describe('a commit of several prompts', () => {
  it('is seen wholly or not at all', async () => {
    const slugs = ['a', 'b', 'c', 'd'];
    for (const slug of slugs) await stage().seed(slug);
    await stage().apply();
    for (const slug of slugs) await stage().versionOf(slug);
    await stage().app.promoteVersions(stage().actor, { items: slugs.map((slug) => ({ slug, version: 2 })) });
    const looks = new Set<string>();
    const look = () => {
      const held = slugs.map((slug) => stage().snapshot().find(stage().actor.workspaceId, slug, STABLE));
      looks.add(
        held
          .map((served) => (served === null || served instanceof Promise ? '?' : served.source.version))
          .join(''),
      );
    };
    const { release } = stage().reader.hold();
    const state = { done: false };
    const applying = stage()
      .apply()
      .finally(() => (state.done = true));
    await expect.poll(() => stage().reader.answered()).toBe(slugs.length + 1);
    look();
    release();
    while (!state.done) {
      look();
      await turn();
    }
    await applying;
    look();
    expect([...looks]).toEqual(['1111', '2222']);
  });
});
