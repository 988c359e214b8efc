import { createHash } from 'node:crypto';
import type { TestDatabase } from '../support/database.ts';

// Extensions bring functions and types of their own: what depends on one is not ours.
const OURS = `n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')`;
const QUERIES = {
  extension: `SELECT extname AS line FROM pg_extension WHERE extname <> 'plpgsql'`,
  enum: `SELECT o.typname || ': ' || string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) AS line
    FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace JOIN pg_enum e ON e.enumtypid = o.oid WHERE ${OURS} GROUP BY o.typname`,
  table: `SELECT o.relname || coalesce(' with ' || array_to_string(o.reloptions, ', '), '') || ', rls ' || o.relrowsecurity AS line
    FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace WHERE ${OURS} AND o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')`,
  column: `SELECT o.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
      || CASE WHEN a.attcollation <> 0 AND c.collname <> 'default' THEN ' collate ' || c.collname ELSE '' END
      || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || pg_get_expr(f.adbin, f.adrelid), '') AS line
    FROM pg_attribute a JOIN pg_class o ON o.oid = a.attrelid JOIN pg_namespace n ON n.oid = o.relnamespace
    LEFT JOIN pg_collation c ON c.oid = a.attcollation LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    WHERE ${OURS} AND o.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped`,
  index: `SELECT pg_get_indexdef(o.oid) AS line FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace WHERE ${OURS} AND o.relkind = 'i'`,
  // PostgreSQL 18 lists NOT NULL as a constraint as well; the columns say it for every version.
  constraint: `SELECT t.relname || ' ' || o.conname || ': ' || pg_get_constraintdef(o.oid) AS line
    FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace JOIN pg_class t ON t.oid = o.conrelid WHERE ${OURS} AND o.contype <> 'n'`,
  trigger: `SELECT pg_get_triggerdef(o.oid) || CASE o.tgenabled WHEN 'O' THEN '' ELSE ' ' || o.tgenabled::text END AS line
    FROM pg_trigger o JOIN pg_class t ON t.oid = o.tgrelid JOIN pg_namespace n ON n.oid = t.relnamespace WHERE ${OURS} AND NOT o.tgisinternal`,
} as const;
const FUNCTIONS = `SELECT o.oid::regprocedure || ' returns ' || o.prorettype::regtype || ' ' || l.lanname || ' ' || o.provolatile::text
    || CASE WHEN o.prosecdef THEN ' security definer' ELSE '' END || coalesce(' set ' || array_to_string(o.proconfig, ', '), '')
    || CASE WHEN EXISTS (SELECT 1 FROM aclexplode(coalesce(o.proacl, acldefault('f', o.proowner))) a WHERE a.grantee = 0) THEN '' ELSE ' not for the public' END AS line,
  o.prosrc AS source
  FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace JOIN pg_language l ON l.oid = o.prolang WHERE ${OURS}`;

export type CatalogKind = keyof typeof QUERIES;

/** What a database is made of, a line each, without the bookkeeping of migrations. */
export async function catalogLines(
  database: TestDatabase,
  kinds = Object.keys(QUERIES) as CatalogKind[],
): Promise<string[]> {
  const lines: string[] = [];
  for (const kind of kinds) {
    const rows = await database.query<{ line: string }>(QUERIES[kind]);
    const ours = rows.map((row) => row.line).filter((line) => !line.includes('_prisma_migrations'));
    lines.push(...ours.toSorted().map((line) => `${kind} ${line}`));
  }
  return lines;
}

/** Signatures with a hash of the source text, which a snapshot need not repeat. */
export async function functionLines(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ line: string; source: string }>(FUNCTIONS);
  const hashed = rows.map(
    ({ line, source }) => `function ${line} sha256:${createHash('sha256').update(source).digest('hex')}`,
  );
  return hashed.toSorted();
}
