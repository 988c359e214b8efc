import { v7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import { addUsage, foldUsage, purgeUsage } from '../../src/db/usage.ts';
import type { UsageCount } from '../../src/db/usage.ts';
import { createUsageLoaders } from '../../src/db/usage-loaders.ts';
import { openRegistry } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

const HOUR_MS = 60 * 60 * 1_000;
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
  await registry.database.query('TRUNCATE version_usage, version_usage_hour');
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

describe('usage of two days ago', () => {
  const thisHour = Math.floor(Date.now() / HOUR_MS) * 60;
  const hourRows = () =>
    registry.database.query(
      'SELECT hour, channel, actor_name, fetched, pushed FROM version_usage_hour ORDER BY hour, channel',
    );

  it('is folded into hours, batch by batch and again for what comes late; what is younger stays', async () => {
    const { writer } = registry.opened;
    const oldHour = thisHour - 50 * 60;
    const at = (minute: number, values: Partial<UsageCount> = {}) =>
      count({ minute: oldHour + minute, ...values });
    await addUsage(writer, [
      at(0, { fetched: 1, actorName: 'old name' }),
      at(59, { fetched: 2, pushed: 5, actorName: 'new name' }),
      at(60, { fetched: 4 }),
      at(7, { channel: null, fetched: 8 }),
      at(180, { fetched: 16 }),
      count({ minute: thisHour, fetched: 32 }),
    ]);
    expect(await foldUsage(writer)).toBe(4);
    expect(await foldUsage(writer)).toBe(0);
    await addUsage(otherNode.writer, [at(30, { fetched: 100, actorName: 'new name' })]);
    expect(await foldUsage(writer)).toBe(1);
    const hour = new Date(oldHour * 60_000);
    const next = new Date((oldHour + 60) * 60_000);
    expect(await hourRows()).toEqual([
      { hour, channel: '', actor_name: 'web', fetched: '8', pushed: '0' },
      { hour, channel: 'stable', actor_name: 'new name', fetched: '103', pushed: '5' },
      { hour: next, channel: 'stable', actor_name: 'web', fetched: '4', pushed: '0' },
    ]);
    expect((await rows()).map(({ fetched }) => fetched)).toEqual(['16', '32']);

    const { versionUsage, promptUsage, consumers } = createUsageLoaders(
      registry.opened.reader,
      registry.actor.workspaceId,
    );
    const fromSeconds = (oldHour + 30) * 60;
    const whole = { promptId, fromSeconds, toSeconds: (thisHour + 1) * 60 };
    expect(await versionUsage.load({ number: 1, ...whole })).toEqual({ fetched: 163, pushed: 5 });
    const points = await promptUsage.load({ ...whole, stepSeconds: 3_600, limit: 9 });
    expect(points.map(({ at: begin, fetched }) => [begin, fetched])).toEqual([
      [hour, 111],
      [next, 4],
      [new Date((oldHour + 180) * 60_000), 16],
      [new Date(thisHour * 60_000), 32],
    ]);
    const who = await consumers.load({ promptId, number: 1, fromSeconds, limit: 9 });
    expect(who.map(({ channel, lastUsedAt, fetched }) => [channel, lastUsedAt, fetched])).toEqual([
      ['stable', new Date(thisHour * 60_000), 155],
      [null, hour, 8],
    ]);
  });

  it('loses nothing while nodes fold and add at once', async () => {
    const minutes = Array.from({ length: 6_000 }, (_, index) =>
      count({ minute: thisHour - 60 * 60 - (index % 600), actorId: `key-${index % 10}` }),
    );
    const once = [...new Map(minutes.map((entry) => [`${entry.minute} ${entry.actorId}`, entry])).values()];
    await addUsage(registry.opened.writer, once);
    await Promise.all([
      foldUsage(registry.opened.writer),
      addUsage(otherNode.writer, once),
      foldUsage(otherNode.writer),
      foldUsage(registry.opened.writer),
    ]);
    await foldUsage(registry.opened.writer);
    const [sum] = await registry.database.query('SELECT sum(fetched)::int AS sum FROM version_usage_hour');
    expect(sum).toEqual({ sum: once.length * 2 });
    expect(await rows()).toEqual([]);
  });

  it('is forgotten after 90', async () => {
    const { writer } = registry.opened;
    const old = Array.from({ length: 5_001 }, (_, index) =>
      count({ minute: thisHour - 91 * 24 * 60, actorId: `key-${index}` }),
    );
    await addUsage(writer, [...old, count({ minute: thisHour - 89 * 24 * 60 })]);
    expect(await foldUsage(writer)).toBe(5_002);
    expect(await purgeUsage(writer)).toBe(5_001);
    expect(await hourRows()).toHaveLength(1);
    expect(await purgeUsage(writer)).toBe(0);
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
