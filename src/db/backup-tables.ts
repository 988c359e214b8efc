import pg from 'pg';
import type { BackupHeader } from './backup-format.ts';

/** Who is connected, and how far he is: worth nothing an hour later, when a client says it again or is gone. */
const LIVE_TABLES: readonly string[] = ['stream_node', 'stream_subscriber', 'stream_place', 'applied_cursor'];

export interface BackupTable {
  readonly name: string;
  readonly columns: readonly string[];
}

interface TableRow {
  readonly name: string;
  readonly columns: readonly string[];
  /** Tables that must be filled before this one. */
  readonly after: readonly string[];
}

// Ours are those that carry a workspace, as for the grants of the server's role. A foreign key that is checked at the commit orders nothing.
const TABLES_SQL = `
  WITH ours AS (
    SELECT c.oid, c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname <> ALL($1)
      AND (c.relname = 'workspace' OR EXISTS (
        SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
      ))
  )
  SELECT o.name,
    ARRAY(
      SELECT a.attname::text FROM pg_attribute a
      WHERE a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum
    ) AS columns,
    ARRAY(
      SELECT DISTINCT p.name FROM pg_constraint k JOIN ours p ON p.oid = k.confrelid
      WHERE k.conrelid = o.oid AND k.contype = 'f' AND NOT k.condeferrable AND p.oid <> o.oid
    ) AS after
  FROM ours o ORDER BY o.name`;

/** The tables that a backup holds, each after those that its rows refer to; none: the schema is not PromptForge's, or not yet. */
export async function readTables(client: pg.ClientBase): Promise<BackupTable[]> {
  const { rows } = await client.query<TableRow>(TABLES_SQL, [LIVE_TABLES]);
  const ordered: TableRow[] = [];
  let rest = rows;
  while (rest.length > 0) {
    const placed = new Set(ordered.map(({ name }) => name));
    const next = rest.filter(({ after }) => after.every((name) => placed.has(name)));
    if (next.length === 0)
      throw new Error(`tables refer to each other: ${rest.map(({ name }) => name).join(', ')}`);
    ordered.push(...next);
    rest = rest.filter((table) => !next.includes(table));
  }
  return ordered.map(({ name, columns }) => ({ name, columns }));
}

/** What a statement must not be cut off by, and how values are written so that every PostgreSQL reads them alike. */
export const COPY_SETTINGS = `
  SET LOCAL statement_timeout = 0;
  SET LOCAL lock_timeout = '10s';
  SET LOCAL idle_in_transaction_session_timeout = 0;
  SET LOCAL client_encoding = 'UTF8';
  SET LOCAL timezone = 'UTC';
  SET LOCAL datestyle = 'ISO';
  SET LOCAL bytea_output = 'hex'`;

/** Where the log of each workspace ends. */
export async function readLogHeads(client: pg.ClientBase): Promise<BackupHeader['heads']> {
  const { rows } = await client.query<BackupHeader['heads'][number]>(
    `SELECT w.id AS "workspaceId", w.slug, c.seq::float8 AS seq, encode(c.hash, 'hex') AS hash
     FROM "workspace" w JOIN "event_counter" c ON c.workspace_id = w.id ORDER BY w.id`,
  );
  return rows;
}

export function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

export async function countAllRows(client: pg.ClientBase, tables: readonly BackupTable[]): Promise<number> {
  const counts = tables.map(({ name }) => `(SELECT count(*) FROM ${quoted(name)})`);
  const { rows } = await client.query<{ rows: number }>(`SELECT (${counts.join(' + ')})::float8 AS rows`);
  return rows[0]?.rows ?? 0;
}

export async function hasTable(client: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    quoted(name),
  ]);
  return rows[0]?.found === true;
}
