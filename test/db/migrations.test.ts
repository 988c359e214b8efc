import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { migrate, MigrationRefused } from '../../src/db/migrations.ts';
import { createTestDatabase, databaseUrl } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { MIGRATIONS_DIRECTORY } from '../support/server.ts';
import { catalogLines } from './catalog-lines.ts';

const FIRST = '20261123000000_registry';
/** Every migration that lands, in order. */
const OURS = readdirSync(MIGRATIONS_DIRECTORY)
  .filter((name) => !name.endsWith('.toml'))
  .toSorted();

let database: TestDatabase;
let directory: string;

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  onTestFinished(() => database.drop());
  directory = await mkdtemp(join(tmpdir(), 'pf-migrations-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await cp(MIGRATIONS_DIRECTORY, directory, { recursive: true });
});

async function addMigration(name: string, sql: string): Promise<void> {
  await mkdir(join(directory, name));
  await writeFile(join(directory, name, 'migration.sql'), sql);
}

async function connect(url = database.url): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

async function run(url?: string): Promise<string[]> {
  return migrate(await connect(url), directory);
}

async function refusal(url?: string): Promise<string> {
  const error: unknown = await run(url).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(MigrationRefused);
  return (error as MigrationRefused).message;
}

interface Row extends pg.QueryResultRow {
  readonly id: string;
  readonly checksum: string;
  readonly migration_name: string;
  readonly finished_at: Date | null;
  readonly started_at: Date;
}

const bookkeeping = () => database.query<Row>('SELECT * FROM "_prisma_migrations" ORDER BY migration_name');

describe('migrate', () => {
  it('applies what is pending, in the order of names, and nothing the second time', async () => {
    await addMigration('20991231000002_b', 'INSERT INTO "order_of_names" VALUES (2)');
    await addMigration('20991231000001_a', 'CREATE TABLE "order_of_names" (n int)');
    expect(await run()).toEqual([...OURS, '20991231000001_a', '20991231000002_b']);
    const before = await bookkeeping();
    expect(await run()).toEqual([]);
    expect(await bookkeeping()).toEqual(before);
    expect(await database.query('SELECT n FROM "order_of_names"')).toEqual([{ n: 2 }]);
  });

  it('records each migration as Prisma does', async () => {
    await run();
    const sums = await Promise.all(
      OURS.map(async (name) => {
        const sql = await readFile(join(directory, name, 'migration.sql'));
        return createHash('sha256').update(sql).digest('hex');
      }),
    );
    expect(OURS[0]).toBe(FIRST);
    expect(await bookkeeping()).toEqual(
      OURS.map((name, index) => ({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        checksum: sums[index],
        migration_name: name,
        logs: null,
        rolled_back_at: null,
        started_at: expect.any(Date),
        finished_at: expect.any(Date),
        applied_steps_count: 1,
      })),
    );
    const columns = await database.query<{ line: string }>(
      `SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END AS line
       FROM pg_attribute WHERE attrelid = '"_prisma_migrations"'::regclass AND attnum > 0 ORDER BY attnum`,
    );
    expect(columns.map(({ line }) => line)).toEqual([
      'id character varying(36) not null',
      'checksum character varying(64) not null',
      'finished_at timestamp with time zone',
      'migration_name character varying(255) not null',
      'logs text',
      'rolled_back_at timestamp with time zone',
      'started_at timestamp with time zone not null',
      'applied_steps_count integer not null',
    ]);
  });

  it('lets only one of several runners migrate', async () => {
    await addMigration('20991231000001_slow', 'SELECT pg_sleep(0.2); CREATE TABLE "made_once" (n int)');
    const applied = await Promise.all([run(), run(), run(), run()]);
    const names = [...OURS, '20991231000001_slow'];
    expect(applied.toSorted((a, b) => b.length - a.length)).toEqual([names, [], [], []]);
    expect((await bookkeeping()).map((row) => row.migration_name)).toEqual(names);
  });

  it('leaves nothing of a migration that fails, keeps those before it, and can be run again', async () => {
    await addMigration('20991231000001_broken', 'CREATE TABLE "half_made" (n int); SELECT 1/0;');
    expect(await refusal()).toBe(
      'migration 20991231000001_broken failed and left nothing behind: division by zero',
    );
    expect(await database.query(`SELECT to_regclass('half_made') AS made`)).toEqual([{ made: null }]);
    expect((await bookkeeping()).map((row) => row.migration_name)).toEqual(OURS);
    await writeFile(
      join(directory, '20991231000001_broken', 'migration.sql'),
      'CREATE TABLE "half_made" (n int)',
    );
    expect(await run()).toEqual(['20991231000001_broken']);
  });

  it('keeps its lock from nobody after a failure', async () => {
    await addMigration('20991231000001_broken', 'SELECT 1/0');
    const client = await connect();
    await expect(migrate(client, directory)).rejects.toThrow('division by zero');
    const locks = `SELECT count(*)::int AS held FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    expect(await database.query(locks)).toEqual([{ held: 0 }]);
  });

  it('refuses a database that is newer than the code, and says what to do', async () => {
    await addMigration('20991231000001_later', 'SELECT 1');
    await run();
    await rm(join(directory, '20991231000001_later'), { recursive: true });
    const message = await refusal();
    expect(message).toContain('20991231000001_later');
    expect(message).toContain('the database is newer than the code');
    expect(message).toContain('Start the newer version, or restore a backup');
  });

  it('refuses a migration whose text was changed after it was applied, to one byte', async () => {
    await run();
    const file = join(directory, FIRST, 'migration.sql');
    await writeFile(file, `${await readFile(file, 'utf8')} `);
    expect(await refusal()).toContain('migrations are never edited after they land');
  });

  it('refuses to go on after a migration that was begun and never finished', async () => {
    await run();
    await database.query('UPDATE "_prisma_migrations" SET finished_at = NULL');
    expect(await refusal()).toContain('run "prisma migrate resolve"');
  });

  it('applies a migration again that was marked as rolled back', async () => {
    await addMigration('20991231000001_retried', 'CREATE TABLE IF NOT EXISTS "retried" (n int)');
    await run();
    await database.query(
      `UPDATE "_prisma_migrations" SET rolled_back_at = now(), finished_at = NULL WHERE migration_name = '20991231000001_retried'`,
    );
    expect(await run()).toEqual(['20991231000001_retried']);
  });
});

describe('the server that migrations meet', () => {
  async function administer(sql: string): Promise<void> {
    const admin = new pg.Client(inject('postgres'));
    await admin.connect();
    await admin.query(sql);
    await admin.end();
  }

  it('must hold UTF-8', async () => {
    const name = `test_ascii_${randomBytes(6).toString('hex')}`;
    await administer(
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING SQL_ASCII LOCALE_PROVIDER libc LOCALE 'C'`,
    );
    onTestFinished(() => administer(`DROP DATABASE ${name} WITH (FORCE)`));
    expect(await refusal(databaseUrl(name))).toBe(
      "the database's encoding is SQL_ASCII: create it with ENCODING 'UTF8'",
    );
  });

  it('refuses a role that may create nothing, and says how to make one that may', async () => {
    const role = `guest_${randomBytes(6).toString('hex')}`;
    await administer(`CREATE ROLE ${role} LOGIN NOSUPERUSER`);
    onTestFinished(() => administer(`DROP ROLE ${role}`));
    const client = await connect();
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    await client.query(`SET SESSION AUTHORIZATION ${role}`);
    const error: unknown = await migrate(client, directory).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MigrationRefused);
    expect((error as MigrationRefused).message).toMatch(
      /permission denied for schema public.*DATABASE_URL.*CREATE DATABASE \.\.\. OWNER.*docs\/operations\.md/,
    );
  });

  it('needs no superuser: owning the database is enough', async () => {
    const role = `owner_${randomBytes(6).toString('hex')}`;
    await administer(`CREATE ROLE ${role} LOGIN NOSUPERUSER PASSWORD 'test'`);
    onTestFinished(async () => {
      await database.query(`REASSIGN OWNED BY ${role} TO current_user; DROP OWNED BY ${role}`);
      await administer(`DROP ROLE ${role}`);
    });
    await administer(`ALTER DATABASE ${database.name} OWNER TO ${role}`);
    const client = await connect();
    await client.query(`SET SESSION AUTHORIZATION ${role}`);
    expect(await migrate(client, directory)).toEqual(OURS);
    const { rows } = await client.query(
      `SELECT current_user AS who, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super`,
    );
    expect(rows).toEqual([{ who: role, super: false }]);
    expect(await catalogLines(database, ['extension', 'trigger'])).toContain('extension pg_trgm');
  });
});
