import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { NewEvent } from '../domain/event.ts';
import { OPERATOR_WORKSPACE } from '../domain/workspace.ts';
import type { BackupHeader } from './backup-format.ts';
import { BackupUnreadable, readBackup } from './backup-read.ts';
import type { Watch } from './backup-read.ts';
import { COPY_SETTINGS, countAllRows, hasTable, quoted, readLogHeads, readTables } from './backup-tables.ts';
import { migrate, MIGRATION_LOCK } from './migrations.ts';

/** The database does not take this backup; the message says what to do. Nothing was restored. */
export class RestoreRefused extends Error {}

export interface CheckedBackup {
  readonly path: string;
  readonly header: BackupHeader;
  readonly rows: number;
  readonly checksum: string;
}

interface RestoreOptions extends Watch {
  /** The account that restores, as the record names it. */
  readonly by?: string | null;
}

/** Reads all of a backup and holds it against its checksums. @throws BackupUnreadable */
export async function checkBackup(path: string, watch: Watch = {}): Promise<CheckedBackup> {
  let header: BackupHeader | null = null;
  const { rows, checksum } = await readBackup(path, { ...watch, onHeader: (found) => (header = found) });
  if (header === null) throw new BackupUnreadable('it has no header');
  return { path, header, rows, checksum };
}

/** The first event of a workspace that does not follow from what is before it, or where the log ends instead of at its counter. */
export interface BrokenChain {
  readonly workspaceId: string;
  readonly seq: number;
}

/**
 * Puts a backup into a database that holds no workspace: the tables as the backup's migrations made them, then all rows in one transaction.
 * No trigger of ours runs: the rows were judged, numbered and chained when they were written. What the log of the operators then tells of the
 * restore comes behind them, in the same transaction, and is numbered and chained as any event.
 * @param owner of the tables, or who will be
 * @returns where audit trails are broken, as they were when the backup was made.
 * @throws RestoreRefused, BackupUnreadable, MigrationRefused
 */
export async function restoreBackup(
  owner: pg.Client,
  backup: CheckedBackup,
  migrationsDirectory: string,
  { by = null, ...watch }: RestoreOptions = {},
): Promise<BrokenChain[]> {
  await requireLevel(owner, backup.header);
  await migrate(owner, migrationsDirectory, backup.header.migrations);
  await owner.query('BEGIN');
  try {
    await owner.query(COPY_SETTINGS);
    // A server that is started meanwhile waits for it, and then finds a database that is not empty.
    await owner.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    const broken = await fill(owner, backup, watch);
    await record(owner, backup, by);
    await owner.query('COMMIT');
    return broken;
  } catch (error) {
    await owner.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/**
 * As `promptforge keys` is recorded: by the system, named as its user agent where the backup's release has room for one. A backup of a database
 * that no server was started on yet has no log of operators, and nothing else either.
 */
async function record(
  owner: pg.Client,
  { header, rows, checksum }: CheckedBackup,
  by: string | null,
): Promise<void> {
  const { createdAt, version, heads } = header;
  const { type, ...facts }: Extract<NewEvent['payload'], { type: 'DatabaseRestored' }> = {
    type: 'DatabaseRestored',
    by,
    backup: { checksum, createdAt, version, heads },
    rows,
    replaced: null,
  };
  const hasAgent = (await readTables(owner)).some(
    ({ name, columns }) => name === 'event' && columns.includes('user_agent'),
  );
  const [agent, value] = hasAgent ? [', user_agent', `, 'promptforge restore'`] : ['', ''];
  await owner.query(
    `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload${agent})
     SELECT id, $1, 'SYSTEM', 'system', 'system', $2${value} FROM "workspace" WHERE slug = $3`,
    [type, JSON.stringify(facts), OPERATOR_WORKSPACE.slug],
  );
}

/** A database that is migrated further has no place for rows of an older shape; one that is in use is not overwritten. */
async function requireLevel(owner: pg.Client, { migrations }: BackupHeader): Promise<void> {
  if (!(await hasTable(owner, '_prisma_migrations'))) return;
  const applied = await owner.query<{ name: string }>(
    'SELECT migration_name AS name FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY migration_name',
  );
  if (applied.rows.length === 0) return;
  await requireEmpty(owner);
  const beyond = applied.rows.find(({ name }) => !migrations.some((migration) => migration.name === name));
  if (beyond !== undefined)
    throw new RestoreRefused(
      `the database holds no data, but is migrated further than the backup (${beyond.name}): restore into a new database, it is migrated afterwards`,
    );
}

async function requireEmpty(owner: pg.Client): Promise<void> {
  if (!(await hasTable(owner, 'workspace'))) return;
  const { rows } = await owner.query<{ slugs: string[] }>(
    `SELECT ARRAY(SELECT slug FROM "workspace" ORDER BY slug LIMIT 5) AS slugs`,
  );
  const slugs = rows[0]?.slugs ?? [];
  if (slugs.length > 0)
    throw new RestoreRefused(`the database is in use: it holds the workspaces ${slugs.join(', ')}`);
}

async function fill(owner: pg.Client, backup: CheckedBackup, watch: Watch): Promise<BrokenChain[]> {
  const tables = await readTables(owner);
  const known = new Map(tables.map(({ name, columns }) => [name, columns]));
  for (const { name } of tables) await owner.query(`ALTER TABLE ${quoted(name)} DISABLE TRIGGER USER`);
  // The locks of these statements keep everybody else from writing.
  await requireEmpty(owner);
  await readBackup(backup.path, {
    ...watch,
    onHeader: (header) => {
      if (JSON.stringify(header) !== JSON.stringify(backup.header))
        throw new BackupUnreadable('it was exchanged while it was read');
    },
    onRows: async ({ table, columns }, rows) => {
      const unknown = columns.find((column) => known.get(table)?.includes(column) !== true);
      if (unknown !== undefined)
        throw new RestoreRefused(`the database has no column ${table}.${unknown}, which the backup holds`);
      const names = columns.map((column) => quoted(column)).join(', ');
      const into = owner.query(copyFrom(`COPY ${quoted(table)} (${names}) FROM STDIN`));
      await pipeline(Readable.from(rows), into);
    },
  });
  // Now, what would be checked at the commit: a table cannot be altered while that is pending.
  await owner.query('SET CONSTRAINTS ALL IMMEDIATE');
  for (const { name } of tables) await owner.query(`ALTER TABLE ${quoted(name)} ENABLE TRIGGER USER`);
  const rows = await countAllRows(owner, tables);
  if (rows !== backup.rows)
    throw new RestoreRefused(`${rows} rows came out of ${backup.rows}: the backup is not what it says`);
  if (JSON.stringify(await readLogHeads(owner)) !== JSON.stringify(backup.header.heads))
    throw new RestoreRefused('the heads of the logs are not those of the backup: it is not what it says');
  await owner.query(`ANALYZE ${tables.map(({ name }) => quoted(name)).join(', ')}`);
  return findBrokenChains(owner);
}

// As the trigger chains them: see event_append.
const BROKEN_CHAINS_SQL = `
  WITH linked AS (
    SELECT e.workspace_id, e.seq,
      e.seq = lag(e.seq, 1, 0::bigint) OVER log + 1
        AND e.prev_hash = lag(e.hash, 1, sha256(convert_to(e.workspace_id::text, 'UTF8'))) OVER log
        AND e.hash = sha256(e.prev_hash || convert_to(event_hashed_text(e), 'UTF8')) AS holds
    FROM "event" e WINDOW log AS (PARTITION BY e.workspace_id ORDER BY e.seq)
  ), ends AS (
    SELECT c.workspace_id, c.seq FROM "event_counter" c
    LEFT JOIN "event" e ON e.workspace_id = c.workspace_id AND e.seq = c.seq
    WHERE c.seq > 0 AND e.hash IS DISTINCT FROM c.hash
  )
  SELECT workspace_id AS "workspaceId", min(seq)::float8 AS seq
  FROM (SELECT workspace_id, seq FROM linked WHERE NOT holds UNION ALL SELECT workspace_id, seq FROM ends) AS broken
  GROUP BY workspace_id ORDER BY workspace_id`;

async function findBrokenChains(owner: pg.Client): Promise<BrokenChain[]> {
  return (await owner.query<BrokenChain>(BROKEN_CHAINS_SQL)).rows;
}
