import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { chainFaults } from './chain.ts';
import { openRegistry, readLog } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

const TABLES = ['event', 'prompt_version', 'promotion'];
const CHANGED_COLUMN: Readonly<Record<string, string>> = {
  event: 'type',
  prompt_version: 'message',
  promotion: 'reason',
};

let registry: Registry;
let other: Actor;

beforeAll(async () => {
  registry = await openRegistry();
  other = await registry.addWorkspace();
  for (const actor of [registry.actor, other]) {
    await registry.app.createPrompt(actor, { slug: 'a', content: { template: 'x' } });
    await registry.app.promoteVersion(actor, { slug: 'a', version: 1 });
  }
});

afterAll(async () => {
  await registry.close();
});

async function transaction<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: registry.database.url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN');
  const result = await work(client);
  await client.query('COMMIT');
  return result;
}

const openDoor = (client: pg.Client, workspaceId: string) =>
  client.query(`SELECT set_config('promptforge.open_door', $1, true)`, [workspaceId]);

describe.each(TABLES)('%s', (table) => {
  const statements = [
    `UPDATE "${table}" SET ${CHANGED_COLUMN[table]} = 'forged'`,
    `DELETE FROM "${table}"`,
    `TRUNCATE "${table}" CASCADE`,
    `INSERT INTO "${table}" SELECT * FROM "${table}" ON CONFLICT (workspace_id, ${table === 'event' ? 'seq' : 'id'}) DO UPDATE SET ${CHANGED_COLUMN[table]} = 'forged'`,
  ];

  it.each(statements)('refuses, to its owner and to a superuser: %s', async (sql) => {
    const rows = () => registry.database.query(`SELECT * FROM "${table}" ORDER BY 1, 2`);
    const before = await rows();
    // An event that is inserted gets a number of its own, so that one meets no conflict and is refused by the promotion it repeats.
    const code = sql.startsWith('INSERT') && table === 'event' ? '23505' : '23001';
    await expect(registry.database.query(sql)).rejects.toMatchObject({ code });
    expect(await rows()).toEqual(before);
  });

  it('refuses to be truncated even with the door open', async () => {
    const attempt = transaction(async (client) => {
      await openDoor(client, registry.actor.workspaceId);
      await client.query(`TRUNCATE "${table}" CASCADE`);
    });
    await expect(attempt).rejects.toMatchObject({
      code: '23001',
      message: expect.stringContaining('TRUNCATE'),
    });
  });
});

describe('the door', () => {
  it('opens for the rows of the workspace it names, and for no other', async () => {
    const { workspaceId } = other;
    const changed = await transaction(async (client) => {
      await openDoor(client, workspaceId);
      const { rowCount } = await client.query(
        `UPDATE "promotion" SET reason = 'let in' WHERE workspace_id = $1`,
        [workspaceId],
      );
      return rowCount;
    });
    expect(changed).toBeGreaterThan(0);
    const attempt = transaction(async (client) => {
      await openDoor(client, workspaceId);
      await client.query(`UPDATE "promotion" SET reason = 'with them' WHERE workspace_id = ANY($1)`, [
        [workspaceId, registry.actor.workspaceId],
      ]);
    });
    await expect(attempt).rejects.toMatchObject({ code: '23001' });
    const reasons = await registry.database.query(
      'SELECT DISTINCT reason FROM "promotion" WHERE reason IS NOT NULL',
    );
    expect(reasons).toEqual([{ reason: 'let in' }]);
  });

  it.each(['', '%', '*', 'true'])('does not open for %j', async (name) => {
    const attempt = transaction(async (client) => {
      await openDoor(client, name);
      await client.query('DELETE FROM "promotion"');
    });
    await expect(attempt).rejects.toMatchObject({ code: '23001' });
  });

  it('is closed again with the transaction that opened it', async () => {
    const client = new pg.Client({ connectionString: registry.database.url });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query('BEGIN');
    await openDoor(client, other.workspaceId);
    await client.query('COMMIT');
    const sql = `UPDATE "promotion" SET reason = 'too late' WHERE workspace_id = $1`;
    await expect(client.query(sql, [other.workspaceId])).rejects.toMatchObject({ code: '23001' });
  });

  it('lets a whole workspace be deleted, and leaves the others whole', async () => {
    const doomed = await registry.addWorkspace();
    await registry.app.createPrompt(doomed, { slug: 'b', content: { template: 'x' } });
    await transaction(async (client) => {
      await openDoor(client, doomed.workspaceId);
      // A prompt and its newest version name each other: the prompt's key waits for the end of the transaction.
      const tables = [
        'event',
        'event_counter',
        'channel_pointer',
        'promotion',
        'channel',
        'prompt_search',
        'prompt_version',
        'prompt',
      ];
      for (const table of tables) {
        await client.query(`DELETE FROM "${table}" WHERE workspace_id = $1`, [doomed.workspaceId]);
      }
      await client.query('DELETE FROM "workspace" WHERE id = $1', [doomed.workspaceId]);
    });
    expect(await readLog(registry.database, doomed.workspaceId)).toEqual([]);
    const { workspaceId } = registry.actor;
    expect(chainFaults(workspaceId, await readLog(registry.database, workspaceId))).toEqual([]);
  });
});
