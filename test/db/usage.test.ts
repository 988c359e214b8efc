import { v7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import { addUsage, purgeUsage } from '../../src/db/usage.ts';
import type { UsageCount } from '../../src/db/usage.ts';
import { createUsageLoaders } from '../../src/db/usage-loaders.ts';
import { openRegistry } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

const NOON_MINUTE = Date.parse('2026-11-24T12:00:00Z') / 60_000;

let registry: Registry;
let otherNode: Database;
let promptId: string;

beforeAll(async () => {
  registry = await openRegistry();
  otherNode = openDatabase({
    address: { connectionString: registry.database.url },
    onIdleError: () => undefined,
  });
  promptId = await registry.app.createPrompt(registry.actor, { slug: 'a', content: { template: 'one' } });
  await registry.app.editPrompt(registry.actor, { slug: 'a', content: { template: 'two' } });
});

afterAll(async () => {
  await otherNode.close();
  await registry.close();
});

beforeEach(async () => {
  await registry.database.query('TRUNCATE version_usage');
});

function count(values: Partial<UsageCount> = {}): UsageCount {
  return {
    workspaceId: registry.actor.workspaceId,
    promptId,
    version: 1,
    channel: 'stable',
    actorId: 'key-1',
    actorKind: 'API_KEY',
    actorName: 'web',
    minute: NOON_MINUTE,
    fetched: 1,
    pushed: 0,
    ...values,
  };
}

const rows = () =>
  registry.database.query<{ fetched: string; pushed: string; actor_name: string; minute: Date }>(
    'SELECT fetched, pushed, actor_name, minute FROM version_usage ORDER BY minute, actor_id, channel, version',
  );

describe('adding usage', () => {
  it('is one statement, and two nodes add to the same row', async () => {
    await addUsage(registry.opened.writer, [count({ fetched: 3 }), count({ channel: null, pushed: 2 })]);
    await addUsage(otherNode.writer, [count({ fetched: 4, pushed: 10, actorName: 'web renamed' })]);
    expect(await rows()).toEqual([
      { fetched: '1', pushed: '2', actor_name: 'web', minute: new Date('2026-11-24T12:00:00Z') },
      { fetched: '7', pushed: '10', actor_name: 'web renamed', minute: new Date('2026-11-24T12:00:00Z') },
    ]);
  });

  it('takes no empty statement, and needs no prompt that is still there', async () => {
    await addUsage(registry.opened.writer, []);
    await addUsage(registry.opened.writer, [count({ promptId: v7() })]);
    expect(await rows()).toHaveLength(1);
  });

  it('loses and deadlocks nothing while nodes add to the same rows in any order', async () => {
    const keys = Array.from({ length: 300 }, (_, index) => ({ actorId: `key-${index}`, version: index }));
    const batches = Array.from({ length: 24 }, (_, index) =>
      (index % 2 === 0 ? keys : keys.toReversed()).map((key) => count({ ...key, fetched: 1, pushed: 2 })),
    );
    await Promise.all(
      batches.map((batch, index) => addUsage((index % 3 === 0 ? otherNode : registry.opened).writer, batch)),
    );
    const stored = await rows();
    expect(stored).toHaveLength(300);
    expect(new Set(stored.map(({ fetched, pushed }) => `${fetched} ${pushed}`))).toEqual(new Set(['24 48']));
  });

  it('counts beyond 32 bits', async () => {
    for (let times = 0; times < 3; times += 1)
      await addUsage(registry.opened.writer, [count({ pushed: 4_000_000_000 })]);
    expect(await rows()).toMatchObject([{ fetched: '3', pushed: '12000000000' }]);
    const { versionUsage } = createUsageLoaders(registry.opened.reader, registry.actor.workspaceId);
    const whole = { fromSeconds: 0, toSeconds: (NOON_MINUTE + 1) * 60 };
    expect(await versionUsage.load({ promptId, number: 1, ...whole })).toEqual({
      fetched: 3,
      pushed: 12_000_000_000,
    });
  });
});

describe('usage past its lifetime', () => {
  it('is forgotten, batch by batch, and what is younger stays', async () => {
    const days = (age: number) => Math.floor(Date.now() / 60_000) - age * 24 * 60;
    const old = Array.from({ length: 5_001 }, (_, index) =>
      count({ minute: days(91), actorId: `key-${index}` }),
    );
    await addUsage(registry.opened.writer, old);
    await addUsage(registry.opened.writer, [count({ minute: days(89) }), count({ minute: days(0) })]);
    expect(await purgeUsage(registry.opened.writer)).toBe(5_001);
    expect(await rows()).toHaveLength(2);
    expect(await purgeUsage(registry.opened.writer)).toBe(0);
  });
});

describe('usage that is read', () => {
  const period = (from: number, to: number) => ({
    fromSeconds: (NOON_MINUTE + from) * 60,
    toSeconds: (NOON_MINUTE + to) * 60,
  });

  it('is of the period from its first minute up to but without its last, of one version and workspace', async () => {
    const stranger = await registry.addWorkspace();
    await addUsage(registry.opened.writer, [
      count({ minute: NOON_MINUTE - 1, fetched: 1 }),
      count({ minute: NOON_MINUTE, fetched: 10 }),
      count({ minute: NOON_MINUTE + 4, fetched: 100, channel: null, actorId: 'key-2' }),
      count({ minute: NOON_MINUTE + 5, fetched: 1_000 }),
      count({ version: 2, fetched: 10_000 }),
      count({ workspaceId: stranger.workspaceId, fetched: 100_000 }),
    ]);
    const { versionUsage } = createUsageLoaders(registry.opened.reader, registry.actor.workspaceId);
    const usages = [period(0, 5), period(-9, 0), period(6, 9)].map((asked) =>
      versionUsage.load({ promptId, number: 1, ...asked }),
    );
    expect(await Promise.all(usages)).toEqual([
      { fetched: 110, pushed: 0 },
      { fetched: 1, pushed: 0 },
      { fetched: 0, pushed: 0 },
    ]);
  });

  it('is cut into steps by version, and into as many points as are wanted', async () => {
    await addUsage(registry.opened.writer, [
      count({ minute: NOON_MINUTE + 59, fetched: 1 }),
      count({ minute: NOON_MINUTE + 60, fetched: 2 }),
      count({ minute: NOON_MINUTE + 119, fetched: 3, actorId: 'key-2' }),
      count({ minute: NOON_MINUTE + 61, version: 2, pushed: 7, fetched: 0 }),
    ]);
    const { promptUsage } = createUsageLoaders(registry.opened.reader, registry.actor.workspaceId);
    const asked = { promptId, ...period(0, 120), stepSeconds: 3_600 };
    const points = [
      { at: new Date('2026-11-24T12:00:00Z'), number: 1, fetched: 1, pushed: 0 },
      { at: new Date('2026-11-24T13:00:00Z'), number: 1, fetched: 5, pushed: 0 },
      { at: new Date('2026-11-24T13:00:00Z'), number: 2, fetched: 0, pushed: 7 },
    ];
    expect(await promptUsage.load({ ...asked, limit: 10 })).toEqual(points);
    expect(await promptUsage.load({ ...asked, limit: 2 })).toEqual(points.slice(0, 2));
    expect(await promptUsage.load({ ...asked, promptId: v7(), limit: 2 })).toEqual([]);
  });

  it('names who used a version since a moment, the last first, under the newest name', async () => {
    await addUsage(registry.opened.writer, [
      count({ minute: NOON_MINUTE - 10, fetched: 5, actorName: 'old name' }),
      count({ minute: NOON_MINUTE + 1, fetched: 2, actorName: 'new name' }),
      count({ minute: NOON_MINUTE + 3, channel: null, pushed: 1, actorName: 'new name' }),
      count({ minute: NOON_MINUTE + 2, actorId: 'key-2', actorKind: 'USER', actorName: 'ada' }),
      count({ minute: NOON_MINUTE + 9, actorId: 'key-3', version: 2 }),
    ]);
    const { consumers } = createUsageLoaders(registry.opened.reader, registry.actor.workspaceId);
    const asked = { promptId, number: 1, fromSeconds: NOON_MINUTE * 60 };
    const at = (minutes: number) => new Date((NOON_MINUTE + minutes) * 60_000);
    const key = { kind: 'API_KEY', name: 'new name' };
    expect(await consumers.load({ ...asked, limit: 10 })).toEqual([
      { actor: key, channel: null, lastUsedAt: at(3), fetched: 1, pushed: 1 },
      { actor: { kind: 'USER', name: 'ada' }, channel: 'stable', lastUsedAt: at(2), fetched: 1, pushed: 0 },
      { actor: key, channel: 'stable', lastUsedAt: at(1), fetched: 2, pushed: 0 },
    ]);
    expect(await consumers.load({ ...asked, limit: 1 })).toHaveLength(1);
  });
});
