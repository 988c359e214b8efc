import { afterAll, beforeAll, expect, it } from 'vitest';
import { pino } from 'pino';
import { openDatabase } from '../../src/db/client.ts';
import { startJanitor } from '../../src/server/janitor.ts';
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
  expect(lines.join('')).toContain('idempotency keys could not be swept');
});
