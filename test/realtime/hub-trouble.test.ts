import { describe, expect, it } from 'vitest';
import { Unavailable } from '../../src/domain/errors.ts';
import { deferred } from '../support/deferred.ts';
import { seed, upTo } from '../support/seed.ts';
import { createHubStage, versions } from './hub-fixture.ts';

describe('a frame that cannot be rendered', () => {
  it('because the database is away is rendered when it is back: late, in order, not lost', async () => {
    const stage = await createHubStage();
    const { slug } = await seed(stage.world).prompt().versions(2).build();
    await stage.settled();
    let failures = 3;
    const { sink } = stage.join({
      beforeRender: () => {
        failures -= 1;
        if (failures >= 0) throw new Unavailable();
      },
    });
    for (const version of [1, 2]) await stage.world.promoteVersion(stage.world.admin, { slug, version });
    expect(versions(await sink.take(2))).toEqual([
      [slug, 1],
      [slug, 2],
    ]);
    expect(stage.failures).toEqual([]);
  });

  it('for a reason of its own ends those who wait for it, is reported, and disturbs nobody else', async () => {
    const stage = await createHubStage();
    const { slug } = await seed(stage.world).prompt().versions(2).build();
    await stage.settled();
    const fault = new Error('a fault of the rendering');
    const broken = stage.join({
      key: 'broken',
      beforeRender: () => {
        throw fault;
      },
    });
    const sound = stage.join({ key: 'sound' });
    await stage.world.promoteVersion(stage.world.admin, { slug, version: 1 });
    expect(await broken.sink.ended.promise).toBe('FAILED');
    expect(versions([await sound.sink.next()])).toEqual([[slug, 1]]);
    expect(stage.failures).toEqual([fault]);
    expect(stage.hub.counts().members).toBe(1);
  });
});

describe('who comes and goes in the middle', () => {
  it('hears everything once, whether it came before a commit was rendered, while it was sent, or after', async () => {
    const stage = await createHubStage();
    const { slug } = await seed(stage.world).prompt().versions(3).build();
    const cursor = await stage.cursor();
    const rendering = deferred<void>();
    const isRendering = deferred<void>();
    const beforeRender = async () => {
      isRendering.resolve();
      await rendering.promise;
    };
    const many = upTo(250).map(() => stage.join({ beforeRender }));
    await stage.world.promoteVersion(stage.world.admin, { slug, version: 1 });
    await isRendering.promise;
    const start = await stage.startAfter(cursor);
    const during = upTo(50).map(() => stage.join({ start }));
    rendering.resolve();
    await many[0]?.sink.next();
    // The first slice is out and the last is not.
    const later = upTo(50).map(() => stage.join({ start }));
    for (const { leave } of many.slice(200)) leave();
    for (const version of [2, 3]) await stage.world.promoteVersion(stage.world.admin, { slug, version });
    for (const { sink } of [...many.slice(1, 200), ...during, ...later])
      expect(versions(await sink.take(3))).toEqual([
        [slug, 1],
        [slug, 2],
        [slug, 3],
      ]);
    await stage.settled();
    const counts = [...many.slice(0, 200), ...during, ...later].map(({ sink }) => sink.frames.length);
    expect(new Set(counts)).toEqual(new Set([3]));
  });

  it('leaves nothing behind', async () => {
    const stage = await createHubStage();
    const { slug } = await seed(stage.world).prompt().versions(2).build();
    await stage.settled();
    const rendering = deferred<void>();
    const isRendering = deferred<void>();
    const { sink, leave } = stage.join({
      beforeRender: async () => {
        isRendering.resolve();
        await rendering.promise;
      },
    });
    await stage.world.promoteVersion(stage.world.admin, { slug, version: 1 });
    await isRendering.promise;
    leave();
    leave();
    rendering.resolve();
    const next = stage.join();
    await stage.world.promoteVersion(stage.world.admin, { slug, version: 2 });
    expect(versions([await next.sink.next()])).toEqual([[slug, 2]]);
    expect(sink.frames).toEqual([]);
    expect(stage.hub.counts()).toEqual({ groups: 1, members: 1, behind: 0 });
  });
});
