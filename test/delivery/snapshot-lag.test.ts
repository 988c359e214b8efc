import { describe, expect, it } from 'vitest';
import type { Reader } from '../../src/db/client.ts';
import { readEvents } from '../../src/db/event-log.ts';
import { createSnapshot } from '../../src/delivery/snapshot.ts';
import type { SnapshotOptions } from '../../src/delivery/snapshot.ts';
import { PROGRESS, STABLE, stages } from './snapshot-fixture.ts';

const { registry, stage } = stages();

type Query = Reader['$queryRaw'];

/** A reader of a database that lags: its first answers are of earlier. */
function lagging(earlier: unknown[]) {
  const real = registry().opened.reader;
  let asked = 0;
  const queryRaw = async (...args: Parameters<Query>): Promise<unknown> => {
    asked += 1;
    return earlier.shift() ?? real.$queryRaw(...args);
  };
  const reader: Reader = new Proxy(real, {
    get: (target, name) => (name === '$queryRaw' ? queryRaw : Reflect.get(target, name)),
  });
  return { reader, asked: () => asked };
}

/** What the database answers now to who asks for `a`. */
async function recorded(): Promise<unknown> {
  let rows: unknown;
  const real = registry().opened.reader;
  const recorder: Reader = new Proxy(real, {
    get: (target, name) =>
      name === '$queryRaw'
        ? async (...args: Parameters<Query>) => (rows = await real.$queryRaw(...args))
        : Reflect.get(target, name),
  });
  await snapshotOver(recorder).find(stage().actor.workspaceId, 'a', STABLE);
  return rows;
}

function snapshotOver(reader: Reader, options: Partial<SnapshotOptions> = {}) {
  const sources = { reader, control: registry().opened.control };
  return createSnapshot(sources, {
    bytesMax: 1_000_000,
    isReachable: () => true,
    progress: PROGRESS,
    ...options,
  });
}

const eventsAfter = (seq: bigint) =>
  readEvents(registry().opened.reader, stage().actor.workspaceId, seq, 1_000);

describe('a load from a database that lags behind the feed', () => {
  it('is repeated until it sees what was told before it began', async () => {
    await stage().seed('a');
    const old = await recorded();
    await stage().promote('a', 2);
    const { reader, asked } = lagging([old, old, old]);
    const snapshot = snapshotOver(reader);
    await snapshot.apply(stage().actor.workspaceId, await eventsAfter(0n));
    const served = await snapshot.find(stage().actor.workspaceId, 'a', STABLE);
    expect([served?.source.version, asked()]).toEqual([2, 4]);
  });

  it('is repeated also when the feed began there, and told nothing yet', async () => {
    await stage().seed('a');
    const old = await recorded();
    await stage().promote('a', 2);
    const head = (await eventsAfter(0n)).at(-1);
    const { reader } = lagging([old]);
    const snapshot = snapshotOver(reader, { progress: { ...PROGRESS, headOf: () => head } });
    const served = await snapshot.find(stage().actor.workspaceId, 'a', STABLE);
    expect(served?.source.version).toBe(2);
  });

  it('knows of no absence from it', async () => {
    const none = await recorded();
    await stage().seed('a');
    const { reader } = lagging([none, none]);
    const snapshot = snapshotOver(reader);
    await snapshot.apply(stage().actor.workspaceId, await eventsAfter(0n));
    expect((await snapshot.find(stage().actor.workspaceId, 'a', STABLE))?.source.version).toBe(1);
  });

  it('is refused when the database does not catch up in time', async () => {
    await stage().seed('a');
    const old = await recorded();
    await stage().promote('a', 2);
    const { reader } = lagging(Array.from({ length: 1_000 }, () => old));
    const snapshot = snapshotOver(reader, { loadMsMax: 100 });
    await snapshot.apply(stage().actor.workspaceId, await eventsAfter(0n));
    const find = async () => snapshot.find(stage().actor.workspaceId, 'a', STABLE);
    await expect(find()).rejects.toThrow('not available');
  });
});

describe('a load that is ahead of the feed', () => {
  it('waits for the feed, so that what it read is never seen beside what is older', async () => {
    await stage().seed('a');
    await stage().seed('b');
    const before = (await eventsAfter(0n)).at(-1);
    let head = before;
    const reached: bigint[] = [];
    const snapshot = snapshotOver(registry().opened.reader, {
      progress: {
        headOf: () => head,
        reach: async (workspaceId, seq) => {
          reached.push(seq);
          expect(seen()).toEqual([1, undefined]);
          const events = await eventsAfter(before?.seq ?? 0n);
          await snapshot.apply(workspaceId, events);
          head = events.at(-1);
          return true;
        },
      },
    });
    const find = (slug: string) => snapshot.find(stage().actor.workspaceId, slug, STABLE);
    const seen = () =>
      ['a', 'b'].map((slug) => {
        const served = find(slug);
        return served instanceof Promise ? undefined : served?.source.version;
      });
    await find('a');
    await stage().app.promoteVersions(stage().actor, {
      items: ['a', 'b'].map((slug) => ({ slug, version: 2 })),
    });
    await find('b');
    expect([reached, seen()]).toEqual([[(before?.seq ?? 0n) + 2n], [2, 2]]);
  });

  it('is not undone by events that it has seen already', async () => {
    await stage().seed('a');
    const events = await eventsAfter(0n);
    await stage().promote('a', 3);
    const { reader, asked } = lagging([]);
    const snapshot = createSnapshot(
      { reader, control: reader },
      { bytesMax: 1_000_000, isReachable: () => true, progress: PROGRESS },
    );
    await snapshot.find(stage().actor.workspaceId, 'a', STABLE);
    await snapshot.apply(stage().actor.workspaceId, events);
    await snapshot.apply(stage().actor.workspaceId, await eventsAfter(events.at(-1)?.seq ?? 0n));
    const served = snapshot.find(stage().actor.workspaceId, 'a', STABLE);
    expect([served instanceof Promise, asked()]).toEqual([false, 1]);
    expect((await served)?.source.version).toBe(3);
  });
});
