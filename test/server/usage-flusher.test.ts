import { pino } from 'pino';
import { v7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { createUsage } from '../../src/delivery/usage.ts';
import type { Usage, Use } from '../../src/delivery/usage.ts';
import { startUsageFlusher } from '../../src/server/usage-flusher.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';

let registry: Registry;
let usage: Usage;
let use: Use;
let lines: { level: number; msg: string }[];

beforeAll(async () => {
  registry = await openRegistry();
});

afterAll(async () => {
  await registry.close();
});

beforeEach(() => {
  lines = [];
  usage = createUsage({ entriesMax: 10_000 });
  const { workspaceId } = registry.actor;
  use = {
    workspaceId,
    promptId: v7(),
    version: 1,
    channel: 'stable',
    actorId: 'k',
    actorKind: 'API_KEY',
    actorName: 'web',
  };
});

function start(database: Registry['opened'] = registry.opened) {
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const flusher = startUsageFlusher(database, usage, log);
  onTestFinished(() => flusher.stop());
  return flusher;
}

function openAway() {
  const away = openDatabase({
    address: { connectionString: 'postgresql://u@127.0.0.1:1/x' },
    onIdleError: () => undefined,
  });
  onTestFinished(() => away.close());
  return away;
}

async function stored(): Promise<number> {
  const rows = await registry.database.query<{ sum: number }>(
    'SELECT coalesce(sum(fetched + pushed), 0)::int AS sum FROM version_usage WHERE prompt_id = $1',
    [use.promptId],
  );
  return rows[0]?.sum ?? -1;
}

describe('the flusher', () => {
  it('stores what was counted, once, and what comes later on top of it', async () => {
    const flusher = start();
    usage.fetched(use);
    usage.pushed(use, 9);
    await flusher.flush();
    expect(await stored()).toBe(10);
    await flusher.flush();
    usage.fetched(use);
    await flusher.flush();
    expect(await stored()).toBe(11);
    expect(lines).toEqual([]);
  });

  it('takes more than one statement holds', async () => {
    const flusher = start();
    for (let version = 1; version <= 5_001; version += 1) usage.fetched({ ...use, version });
    await flusher.flush();
    expect(await stored()).toBe(5_001);
    expect(usage.size()).toBe(0);
  });

  it('stores the rest when it stops', async () => {
    const flusher = start();
    usage.fetched(use);
    await flusher.stop();
    expect(await stored()).toBe(1);
  });

  it('keeps its counts while the database is away, and says so once', async () => {
    const flusher = start(openAway());
    usage.fetched(use);
    await flusher.flush();
    usage.fetched(use);
    await flusher.flush();
    expect(usage.size()).toBe(1);
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      [40, 'usage could not be stored: it stays in memory'],
    ]);
    await start().flush();
    expect(await stored()).toBe(2);
  });

  it('says what is lost when it must stop without a database', async () => {
    const flusher = start(openAway());
    usage.fetched(use);
    await flusher.stop();
    expect(lines.at(-1)?.msg).toBe('usage could not be stored before the end');
  });

  it('tells of uses that found no room', async () => {
    usage = createUsage({ entriesMax: 1 });
    const flusher = start();
    usage.fetched(use);
    usage.fetched({ ...use, version: 2 });
    await flusher.flush();
    expect(await stored()).toBe(1);
    expect(lines).toMatchObject([{ level: 50, dropped: 1 }]);
  });

  it('does not keep what the database refuses: it would stand in the way for ever', async () => {
    const flusher = start();
    usage.fetched({ ...use, promptId: 'no uuid' });
    await flusher.flush();
    usage.fetched(use);
    await flusher.flush();
    expect(await stored()).toBe(1);
    expect(lines).toMatchObject([{ level: 50, msg: 'usage was refused by the database and is lost' }]);
  });
});
