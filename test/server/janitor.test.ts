import { afterAll, beforeAll, expect, it } from 'vitest';
import { pino } from 'pino';
import { openDatabase } from '../../src/db/client.ts';
import { startJanitor } from '../../src/server/janitor.ts';
import { deferred } from '../support/deferred.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';

let registry: Registry;

beforeAll(async () => {
  registry = await openRegistry();
});

afterAll(async () => {
  await registry.close();
});

it('sweeps at its start and whenever it is asked, and keeps what is not past its day', async () => {
  const insert = (key: string, age: string) =>
    registry.database.query(
      `INSERT INTO idempotency_key (workspace_id, actor_id, mutation, key, input_hash, created_at) VALUES ($1, 'a', 'm', $2, '', now() - $3::interval)`,
      [registry.actor.workspaceId, key, age],
    );
  const keys = async () =>
    (await registry.database.query('SELECT key FROM idempotency_key ORDER BY key')).map(({ key }) => key);
  await insert('old', '25 hours');
  await insert('young', '23 hours');
  const janitor = startJanitor(registry.opened, pino({ level: 'silent' }));
  await expect.poll(keys).toEqual(['young']);
  await insert('older', '2 days');
  await janitor.sweep();
  expect(await keys()).toEqual(['young']);
  await janitor.stop();
});

it('folds usage into hours, forgets that of a quarter ago, and nodes that are gone with their streams', async () => {
  const { workspaceId } = registry.actor;
  const insertUsage = (version: number, age: string) =>
    registry.database.query(
      `INSERT INTO version_usage VALUES ($1, $1, $2, date_trunc('minute', now() - $3::interval), '', 'k', 'API_KEY', 'web', 1, 0)`,
      [workspaceId, version, age],
    );
  await insertUsage(1, '91 days');
  await insertUsage(2, '89 days');
  await insertUsage(3, '1 day');
  await registry.database.query(
    `INSERT INTO stream_node VALUES ($1, gen_random_uuid(), now() - interval '6 minutes'), ($1, $1, now())`,
    [workspaceId],
  );
  await registry.database.query(
    `INSERT INTO stream_subscriber SELECT workspace_id, node_id, 's', 'stable', NULL, 'SSE', 'k', 'API_KEY', 'web', now(), NULL FROM stream_node`,
  );
  const janitor = startJanitor(registry.opened, pino({ level: 'silent' }));
  await janitor.stop();
  expect(await registry.database.query('SELECT version FROM version_usage')).toEqual([{ version: 3 }]);
  expect(await registry.database.query('SELECT version FROM version_usage_hour')).toEqual([{ version: 2 }]);
  const streams = await registry.database.query('SELECT node_id FROM stream_subscriber');
  expect(streams).toEqual([{ node_id: workspaceId }]);
});

it('says so, and lives, when the database is away', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const away = openDatabase({
    address: { connectionString: 'postgresql://u@127.0.0.1:1/x' },
    onIdleError: () => undefined,
  });
  const janitor = startJanitor(away, log);
  await janitor.stop();
  await away.close();
  for (const what of ['idempotency keys', 'minutes of usage', 'hours of usage', 'nodes that are gone'])
    expect(lines.join('')).toContain(`${what} could not be swept`);
});

it('sweeps requests with the rest, and goes on when they cannot be swept', async () => {
  let swept = 0;
  const janitor = startJanitor(registry.opened, pino({ level: 'silent' }), async () => {
    swept += 1;
    if (swept === 1) throw new Error('no');
    return 1;
  });
  await janitor.sweep();
  await janitor.sweep();
  expect(swept).toBeGreaterThanOrEqual(2);
  await janitor.stop();
});

it('never sweeps requests twice at a time, whoever asks', async () => {
  const [entered, release] = [deferred<void>(), deferred<void>()];
  let [inside, most] = [0, 0];
  const janitor = startJanitor(registry.opened, pino({ level: 'silent' }), async () => {
    inside += 1;
    most = Math.max(most, inside);
    entered.resolve();
    await release.promise;
    inside -= 1;
    return 0;
  });
  await entered.promise;
  await registry.database.query(
    `INSERT INTO stream_node VALUES ($1, gen_random_uuid(), now() - interval '6 minutes')`,
    [registry.actor.workspaceId],
  );
  const other = janitor.sweep();
  // The last thing that is swept before requests.
  const gone = () =>
    registry.database.query(`SELECT 1 FROM stream_node WHERE seen_at < now() - interval '5 minutes'`);
  await expect.poll(gone).toEqual([]);
  release.resolve();
  await Promise.all([other, janitor.stop()]);
  expect(most).toBe(1);
});
