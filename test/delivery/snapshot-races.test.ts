import { describe, expect, it } from 'vitest';
import { readEvents } from '../../src/db/event-log.ts';
import { createSnapshot } from '../../src/delivery/snapshot.ts';
import { PROGRESS, STABLE, stages } from './snapshot-fixture.ts';

const { registry, stage } = stages();

/** A reader that answers at once, with what the database answered when it was recorded. */
function tape() {
  const real = registry().opened.reader;
  let rows: unknown = null;
  const reader = (queryRaw: (...args: Parameters<typeof real.$queryRaw>) => Promise<unknown>) =>
    new Proxy(real, { get: (target, name) => (name === '$queryRaw' ? queryRaw : Reflect.get(target, name)) });
  const recorder = reader(async (...args: Parameters<typeof real.$queryRaw>) => {
    rows = await real.$queryRaw(...args);
    return rows;
  });
  return {
    record: async (slug: string) => {
      const sources = { reader: recorder, control: recorder };
      await createSnapshot(sources, {
        bytesMax: 1_000_000,
        isReachable: () => true,
        progress: PROGRESS,
      }).find(stage().actor.workspaceId, slug, STABLE);
      return rows;
    },
    player: (current: () => unknown) => reader(async () => current()),
  };
}

describe('the serving snapshot', () => {
  it('is never left with an old version, whenever during a load the event arrives', async () => {
    const { workspaceId } = stage().actor;
    await stage().seed('a');
    const { record, player } = tape();
    const old = await record('a');
    const all = await readEvents(registry().opened.reader, workspaceId, 0n, 1_000);
    await stage().promote('a', 2);
    const young = await record('a');
    const events = await readEvents(registry().opened.reader, workspaceId, all.at(-1)?.seq ?? 0n, 1_000);
    for (let ticks = 0; ticks < 30; ticks += 1) {
      let rows = old;
      const reader = player(() => rows);
      const snapshot = createSnapshot(
        { reader, control: reader },
        { bytesMax: 1_000_000, isReachable: () => true, progress: PROGRESS },
      );
      const load = snapshot.find(workspaceId, 'a', STABLE);
      for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
      rows = young;
      await snapshot.apply(workspaceId, events);
      const next = await snapshot.find(workspaceId, 'a', STABLE);
      await load;
      const later = await snapshot.find(workspaceId, 'a', STABLE);
      expect([ticks, next?.source.version, later?.source.version]).toEqual([ticks, 2, 2]);
    }
  });

  it('does not replace what was pushed out and loaded again during a refresh', async () => {
    const text = 'x'.repeat(10_000);
    for (const slug of ['a', 'b', 'c', 'd']) await stage().seed(slug, 3, text);
    await stage().apply();
    stage().limit(100_000);
    await stage().versionOf('a');
    await stage().promote('a', 2);
    const answered = stage().reader.answered();
    const { passLater, release } = stage().reader.hold();
    const applying = stage().apply();
    await expect.poll(() => stage().reader.answered()).toBe(answered + 1);
    passLater();
    await stage().promote('a', 3);
    for (const slug of ['b', 'c', 'd']) await stage().versionOf(slug);
    expect(await stage().versionOf('a')).toBe(3);
    release();
    await applying;
    expect([await stage().isHeld('a', STABLE), await stage().versionOf('a')]).toEqual([true, 3]);
  });

  it('loads by the reader, refreshes by the control connections', async () => {
    await stage().seed('a');
    await stage().skip();
    const { reader, control } = registry().opened;
    let loads = 0;
    const counting = new Proxy(reader, {
      get: (target, name) => {
        if (name === '$queryRaw') loads += 1;
        return Reflect.get(target, name);
      },
    });
    const snapshot = createSnapshot(
      { reader: counting, control },
      { bytesMax: 1_000_000, isReachable: () => true, progress: PROGRESS },
    );
    await snapshot.find(stage().actor.workspaceId, 'a', STABLE);
    await stage().promote('a', 2);
    await snapshot.apply(
      stage().actor.workspaceId,
      await readEvents(control, stage().actor.workspaceId, 0n, 1_000),
    );
    expect((await snapshot.find(stage().actor.workspaceId, 'a', STABLE))?.source.version).toBe(2);
    expect(loads).toBe(1);
  });
});
