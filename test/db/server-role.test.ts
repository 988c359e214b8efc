import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { connectionSettings, openDatabase } from '../../src/db/client.ts';
import { prepareServerRole, serverRoleName } from '../../src/db/server-role.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const APPEND_ONLY = ['event', 'prompt_version', 'promotion', 'promotion_review'];
const REFUSED = { code: '42501' };

async function connect(url: string, role?: string): Promise<pg.Client> {
  const client = new pg.Client(connectionSettings({ address: { connectionString: url }, role }));
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** The database's URL for another login. */
function as(url: string, login: string): string {
  const changed = new URL(url);
  changed.username = login;
  return changed.href;
}

/** A login of the test's own, gone with it. */
async function makeLogin(database: TestDatabase, options = ''): Promise<string> {
  const name = `login_${randomBytes(6).toString('hex')}`;
  await database.query(`CREATE ROLE ${name} LOGIN ${options}`);
  onTestFinished(async () => {
    await database.query(`DROP OWNED BY ${name} CASCADE`);
    await database.query(`DROP ROLE ${name}`);
  });
  return name;
}

describe('the role that the server works as', () => {
  let server: TestServer;
  let role: string;

  beforeAll(async () => {
    server = await startTestServer({ config: { demo: true } });
    role = serverRoleName(server.database.name);
  });

  afterAll(() => server.close());

  it('is whom every pool and the listener of a server work as', async () => {
    const opened = openDatabase({
      address: { connectionString: server.database.url },
      role,
      onIdleError: () => undefined,
    });
    onTestFinished(() => opened.close());
    const listener = opened.newConnection();
    await listener.connect();
    onTestFinished(() => listener.end());
    const asked = 'SELECT current_user::text AS who';
    for (const client of [opened.reader, opened.writer, opened.control])
      expect(await client.$queryRawUnsafe(asked)).toEqual([{ who: role }]);
    expect((await listener.query(asked)).rows).toEqual([{ who: role }]);
    expect(server.logged.filter(({ level }) => level >= 40)).toEqual([]);
  });

  it('is what the sessions of the running server are in', async () => {
    const { rows } = await (
      await connect(server.database.url)
    ).query<{ grantee: string }>(
      `SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_name = 'event' AND grantee LIKE 'promptforge_server%'`,
    );
    expect(rows).toEqual([{ grantee: role }]);
  });

  const statements = APPEND_ONLY.flatMap((table) => [
    `UPDATE "${table}" SET workspace_id = workspace_id`,
    `DELETE FROM "${table}"`,
    `TRUNCATE "${table}" CASCADE`,
    `ALTER TABLE "${table}" DISABLE TRIGGER ALL`,
    `ALTER TABLE "${table}" ADD COLUMN forged text`,
    `DROP TABLE "${table}" CASCADE`,
    `DROP TRIGGER "${table}_append_only" ON "${table}"`,
    `CREATE TRIGGER "mine" BEFORE INSERT ON "${table}" FOR EACH ROW EXECUTE FUNCTION refuse_change()`,
  ]);
  it.each([
    ...statements,
    `UPDATE "event_counter" SET seq = 1`,
    `DELETE FROM "event_counter"`,
    `UPDATE "audit_checkpoint" SET seq = 1`,
    `DELETE FROM "audit_checkpoint"`,
    `DELETE FROM "workspace"`,
    'CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$',
    'DROP FUNCTION guard_promotion() CASCADE',
    'CREATE TABLE "mine" (n int)',
    'CREATE ROLE "mine"',
    `SET session_replication_role = replica`,
    'SELECT * FROM "_prisma_migrations"',
  ])('is refused: %s', async (sql) => {
    const client = await connect(server.database.url, role);
    await expect(client.query(sql)).rejects.toMatchObject(REFUSED);
  });

  it('is refused its updates and deletes even with the door of the triggers open', async () => {
    const client = await connect(server.database.url, role);
    for (const table of APPEND_ONLY) {
      await client.query('BEGIN');
      await client.query(
        `SELECT set_config('promptforge.open_door', id::text, true) FROM "workspace" WHERE slug = 'default'`,
      );
      await expect(client.query(`DELETE FROM "${table}"`)).rejects.toMatchObject(REFUSED);
      await client.query('ROLLBACK');
    }
  });

  it('cannot number events from a table of its own that stands before the counter', async () => {
    const client = await connect(server.database.url, role);
    await client.query(
      'CREATE TEMP TABLE "event_counter" AS SELECT workspace_id, 7000::bigint AS seq, hash FROM "event_counter"',
    );
    await client.query('BEGIN');
    const { rows } = await client.query<{ seq: string }>(
      `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload)
       SELECT id, 'Probe', 'SYSTEM', 'x', 'x', '{}' FROM "workspace" WHERE slug = 'default' RETURNING seq`,
    );
    await client.query('ROLLBACK');
    expect(Number(rows[0]?.seq)).toBeLessThan(7000);
  });

  it('deletes a workspace through the one named door', async () => {
    const client = await connect(server.database.url, role);
    const id = '01939c1e-7a6b-7000-8000-00000000dead';
    await client.query(
      `INSERT INTO "workspace" (id, slug, name, created_at) VALUES ($1, 'doomed', 'Doomed', now())`,
      [id],
    );
    await client.query('SELECT delete_workspace($1)', [id]);
    const { rows } = await client.query('SELECT 1 FROM "workspace" WHERE id = $1', [id]);
    expect(rows).toEqual([]);
  });

  it('loses what was granted by hand at the next start', async () => {
    await server.database.query(`GRANT DELETE ON "event" TO ${role}`);
    const second = await startTestServer({ database: server.database });
    await second.close();
    const client = await connect(server.database.url, role);
    await expect(client.query('DELETE FROM "event"')).rejects.toMatchObject(REFUSED);
  });
});

describe('prepareServerRole', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  it('makes one role for many who start at once', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(database.url)));
    const answers = await Promise.all(clients.map((client) => prepareServerRole(client, null)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
      new Set([JSON.stringify({ kind: 'ROLE', name: serverRoleName(database.name) })]),
    );
  });

  it('makes a role for each of many databases that start at once', async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => createTestDatabase()));
    onTestFinished(async () => {
      for (const one of databases) await one.drop();
    });
    const answers = await Promise.all(
      databases.map(async ({ url }) => prepareServerRole(await connect(url), null)),
    );
    expect(answers).toEqual(databases.map(({ name }) => ({ kind: 'ROLE', name: serverRoleName(name) })));
  });

  it('grants a login of its own what the server needs, and changes to no role', async () => {
    const login = await makeLogin(database);
    const owner = await connect(database.url);
    expect(await prepareServerRole(owner, login)).toEqual({ kind: 'LOGIN', name: login });
    const client = await connect(as(database.url, login));
    await expect(client.query('DELETE FROM "event"')).rejects.toMatchObject(REFUSED);
    await expect(client.query(`SET ROLE ${inject('postgres').user}`)).rejects.toMatchObject(REFUSED);
    expect((await client.query('SELECT count(*)::int AS events FROM "event"')).rows).toEqual([{ events: 0 }]);
  });

  it.each([
    ['a superuser', 'SUPERUSER', 'superuser'],
    ['who may make roles', 'CREATEROLE', 'superuser'],
  ])('takes no login for limited that is %s', async (_title, options, word) => {
    const login = await makeLogin(database, options);
    const answer = await prepareServerRole(await connect(database.url), login);
    expect(answer).toMatchObject({ kind: 'OWNER', reason: expect.stringContaining(word) });
  });
});

describe('a server whose owner may make no role', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true });
  });

  afterAll(() => database.drop());

  it('says so once and works as the owner', async () => {
    const owner = await makeLogin(database);
    await database.query(`ALTER DATABASE ${database.name} OWNER TO ${owner}`);
    const server = await startTestServer({ database, config: { databaseUrl: as(database.url, owner) } });
    onTestFinished(async () => {
      await server.close();
      await database.query(`ALTER DATABASE ${database.name} OWNER TO CURRENT_USER`);
    });
    const warned = server.logged.filter(
      ({ level, msg }) => level === 40 && msg.includes('owner of its tables'),
    );
    expect(warned).toEqual([
      expect.objectContaining({ reason: expect.stringContaining('permission denied') }),
    ]);
    expect((await server.execute('{ viewer { role } }')).data()).toEqual({ viewer: { role: 'ADMIN' } });
  });
});

describe('a server with a login of its own', () => {
  it('migrates as the owner and works as the login', async () => {
    const database = await createTestDatabase({ empty: true });
    onTestFinished(() => database.drop());
    const owner = await makeLogin(database);
    const login = await makeLogin(database);
    await database.query(`ALTER DATABASE ${database.name} OWNER TO ${owner}`);
    onTestFinished(async () => {
      await database.query(`ALTER DATABASE ${database.name} OWNER TO CURRENT_USER`);
    });
    const config = { databaseUrl: as(database.url, login), migrationUrl: as(database.url, owner) };
    const server = await startTestServer({ database, config });
    onTestFinished(() => server.close());
    const sessions = await database.query<{ who: string }>(
      `SELECT DISTINCT usename::text AS who FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'promptforge:%'`,
      [database.name],
    );
    expect(sessions.map(({ who }) => who)).toContain(login);
    expect(sessions.map(({ who }) => who)).not.toContain(owner);
    expect(server.logged.filter(({ level }) => level >= 40)).toEqual([]);
    const key = await server.createKey('ADMIN');
    const answer = await server.execute('{ viewer { role } }', {}, { key: key.key });
    expect(answer.data()).toEqual({ viewer: { role: 'ADMIN' } });
  });
});

describe('serverRoleName', () => {
  it.each([
    ['promptforge', 'promptforge_server_promptforge'],
    ['Prompt-Forge', expect.stringMatching(/^promptforge_server_[0-9a-f]{16}$/)],
    ['x'.repeat(60), expect.stringMatching(/^promptforge_server_[0-9a-f]{16}$/)],
  ])('needs no quotes for %s', (database, name) => {
    expect(serverRoleName(database)).toEqual(name);
  });
});
