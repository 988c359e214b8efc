import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';

/** Two nodes that start at once must not both migrate; any constant will do as long as it never changes. */
export const MIGRATION_LOCK = 7_209_131_551_021;
const LOCK_TIMEOUT = '60s';
const POSTGRES_VERSION_MIN = 140_000;

/** Prisma's own bookkeeping table, so that `prisma migrate status` and `deploy` agree with what was done here. */
const BOOKKEEPING_SQL = `
CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

/** The database cannot be brought to what this code needs; the message says what to do. */
export class MigrationRefused extends Error {}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** What a database says of a migration that was applied to it. */
export type AppliedMigration = Pick<Migration, 'name' | 'checksum'>;

/**
 * Brings the database to the newest migration: under an advisory lock, each migration in one transaction with its bookkeeping row.
 * @param level where to stop: exactly these migrations, as the database of a backup had them
 * @returns the names of the migrations that were applied now, in order.
 * @throws MigrationRefused when the database is newer than the code, was migrated otherwise, or is no UTF-8 PostgreSQL 14 or newer.
 */
export async function migrate(
  client: pg.Client,
  directory: string,
  level?: readonly AppliedMigration[],
): Promise<string[]> {
  await requireSuitableServer(client);
  const migrations = upTo(level, await readMigrations(directory));
  await client.query(`SET statement_timeout = 0; SET lock_timeout = '${LOCK_TIMEOUT}'`);
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    await client.query(BOOKKEEPING_SQL);
    const pending = pendingMigrations(migrations, await readApplied(client));
    for (const migration of pending) await apply(client, migration);
    return pending.map((migration) => migration.name);
  } catch (error) {
    throw isForbidden(error) ? withoutRights(error) : error;
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
  }
}

/**
 * What migrate() would do, without doing it.
 * @throws MigrationRefused when it would refuse
 */
export async function inspectMigrations(
  client: pg.Client,
  directory: string,
): Promise<{ readonly applied: number; readonly pending: readonly string[] }> {
  const known = await readMigrations(directory);
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT to_regclass('"_prisma_migrations"') IS NOT NULL AS found`,
  );
  const applied = rows[0]?.found === true ? await readApplied(client) : [];
  const pending = pendingMigrations(known, applied).map(({ name }) => name);
  return { applied: applied.length, pending };
}

const INSUFFICIENT_PRIVILEGE = '42501';

function isForbidden(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return Reflect.get(error, 'code') === INSUFFICIENT_PRIVILEGE || isForbidden(error.cause);
}

function withoutRights(error: Error): MigrationRefused {
  return new MigrationRefused(
    `${error.message}: the role of DATABASE_URL may not create what PromptForge keeps. Make it the owner of a database, ` +
      'CREATE DATABASE ... OWNER ...: see "Your own PostgreSQL" in docs/operations.md',
    { cause: error },
  );
}

async function requireSuitableServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: string; encoding: string; recovery: boolean }>(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS recovery`,
  );
  const [server] = rows;
  if (server === undefined || Number(server.version) < POSTGRES_VERSION_MIN) {
    throw new MigrationRefused(
      `PostgreSQL 14 or newer is needed, this one is ${server?.version ?? 'unknown'}: upgrade it or set another DATABASE_URL`,
    );
  }
  if (server.encoding !== 'UTF8') {
    throw new MigrationRefused(
      `the database's encoding is ${server.encoding}: create it with ENCODING 'UTF8'`,
    );
  }
  if (server.recovery)
    throw new MigrationRefused('the database is a read-only standby: set DATABASE_URL to the primary');
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.toSorted().map(async (name) => {
      const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

function upTo(
  level: readonly AppliedMigration[] | undefined,
  known: readonly Migration[],
): readonly Migration[] {
  if (level === undefined) return known;
  return level.map(({ name, checksum }) => {
    const migration = known.find((candidate) => candidate.name === name);
    if (migration?.checksum === checksum) return migration;
    const fault = migration === undefined ? 'does not know' : 'has with another text';
    throw new MigrationRefused(
      `migration ${name} is one that this version of PromptForge ${fault}: use the version that wrote it, or a newer one`,
    );
  });
}

interface Applied {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished: boolean;
}

async function readApplied(client: pg.Client): Promise<Applied[]> {
  const { rows } = await client.query<Applied>(
    'SELECT migration_name, checksum, finished_at IS NOT NULL AS finished FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY migration_name',
  );
  return rows;
}

function pendingMigrations(migrations: readonly Migration[], applied: readonly Applied[]): Migration[] {
  for (const row of applied) {
    const known = migrations.find((migration) => migration.name === row.migration_name);
    if (known === undefined) {
      throw new MigrationRefused(
        `the database holds migration ${row.migration_name}, which this version of PromptForge does not know: ` +
          'the database is newer than the code. Start the newer version, or restore a backup from before the upgrade.',
      );
    }
    if (!row.finished) {
      throw new MigrationRefused(
        `migration ${row.migration_name} was begun and never finished: look at its logs in _prisma_migrations, ` +
          'mend the database, then run "prisma migrate resolve".',
      );
    }
    if (row.checksum !== known.checksum) {
      throw new MigrationRefused(
        `migration ${row.migration_name} was applied with another text (checksum ${row.checksum.slice(0, 12)}...): ` +
          'migrations are never edited after they land; install the version of PromptForge that this database was made with.',
      );
    }
  }
  const done = new Set(applied.map((row) => row.migration_name));
  return migrations.filter((migration) => !done.has(migration.name));
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
       VALUES ($1, $2, clock_timestamp(), $3, now(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    const message = error instanceof Error ? error.message : String(error);
    throw new MigrationRefused(`migration ${migration.name} failed and left nothing behind: ${message}`, {
      cause: error,
    });
  }
}
