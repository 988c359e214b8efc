import { createHash } from 'node:crypto';
import pg from 'pg';
import { MIGRATION_LOCK } from './migrations.ts';

const ATTEMPTS_MAX = 3;
const ROLE_NAME_LENGTH_MAX = 63;
const INSUFFICIENT_PRIVILEGE = '42501';

/** Rows that are written once. The triggers refuse it to everybody; the server has not even the right to ask. */
const APPEND_ONLY = ['event', 'prompt_version', 'promotion', 'promotion_review'];
/** Written by triggers with the owner's rights. */
const READ_ONLY = ['event_counter'];
/** Rows that only the one named door takes away, with their workspace. */
const KEPT = ['workspace', 'prompt', 'channel', 'channel_pointer', 'api_key', 'member', 'promotion_request'];
const CHECKPOINTS = ['audit_checkpoint'];

/** Whom the server's connections work as. */
export type ServerRole =
  /** Every connection changes to this role, which was made here. */
  | { readonly kind: 'ROLE'; readonly name: string }
  /** Its own login, which owns nothing and was granted what it needs. */
  | { readonly kind: 'LOGIN'; readonly name: string }
  /** Whoever owns the tables: no other role could be had. */
  | { readonly kind: 'OWNER'; readonly reason: string };

/**
 * Makes the role that the server works as, where the owner may, and grants it exactly what the server needs: anew after each migration, so
 * that no later table is forgotten and nothing that was granted by hand stays.
 * @param owner a connection of the owner, already migrated
 * @param login who the server connects as, null: as the owner
 */
export async function prepareServerRole(owner: pg.Client, login: string | null): Promise<ServerRole> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inLock(owner, () => prepare(owner, login));
    } catch (error) {
      if (codeOf(error) === INSUFFICIENT_PRIVILEGE) return { kind: 'OWNER', reason: String(error) };
      // Vacuum and other sessions' grants touch the same rows of the catalogue, and do not queue.
      if (attempt === ATTEMPTS_MAX || !isCatalogRace(error)) throw error;
    }
  }
}

/** What prepareServerRole would come to, without changing anything. */
export interface InspectedRole {
  readonly owner: string;
  /** Whether the owner may create tables. */
  readonly mayCreate: boolean;
  /** Whom the server would work as. */
  readonly name: string;
  /** Why it would work as the owner instead; null: it does not. */
  readonly fault: string | null;
}

/** @param login who the server connects as, null: as the owner */
export async function inspectServerRole(owner: pg.Client, login: string | null): Promise<InspectedRole> {
  const { rows } = await owner.query<Who & { mayCreate: boolean; mayMakeRoles: boolean }>(
    `SELECT current_user::text AS owner, current_database()::text AS database, current_schema()::text AS schema,
       has_schema_privilege(current_schema(), 'CREATE') AS "mayCreate", rolsuper OR rolcreaterole AS "mayMakeRoles"
     FROM pg_roles WHERE rolname = current_user`,
  );
  const [who] = rows;
  if (who === undefined) throw new Error('the database does not say who is connected');
  const { owner: name, mayCreate } = who;
  if (login !== null && login !== name)
    return { owner: name, mayCreate, name: login, fault: await roleFault(owner, login) };
  const role = serverRoleName(who.database);
  let fault = await roleFault(owner, role);
  if (fault === 'does not exist' && who.mayMakeRoles) fault = null;
  else if (fault === null && !who.mayMakeRoles && !(await isMember(owner, role)))
    fault = `was not granted to ${name}`;
  return { owner: name, mayCreate, name: role, fault };
}

/** One role a database: one for the whole cluster would let the server of one database into the tables of another. */
export function serverRoleName(database: string): string {
  const name = `promptforge_server_${database}`;
  if (/^[a-z0-9_]+$/.test(name) && name.length <= ROLE_NAME_LENGTH_MAX) return name;
  return `promptforge_server_${createHash('sha256').update(database).digest('hex').slice(0, 16)}`;
}

async function inLock<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

interface Who {
  readonly owner: string;
  readonly database: string;
  readonly schema: string;
}

async function prepare(client: pg.Client, login: string | null): Promise<ServerRole> {
  const { rows } = await client.query<Who>(
    'SELECT current_user::text AS owner, current_database()::text AS database, current_schema()::text AS schema',
  );
  const [who] = rows;
  if (who === undefined) throw new Error('the database does not say who is connected');
  if (login !== null && login !== who.owner) {
    const fault = await roleFault(client, login);
    if (fault !== null) return { kind: 'OWNER', reason: `the role of DATABASE_URL ${fault}` };
    await grant(client, who.schema, login);
    return { kind: 'LOGIN', name: login };
  }
  const name = serverRoleName(who.database);
  await ensureRole(client, name);
  const fault = await roleFault(client, name);
  if (fault !== null) return { kind: 'OWNER', reason: `the role ${name} ${fault}` };
  await grant(client, who.schema, name);
  if (!(await isMember(client, name))) await client.query(`GRANT ${quoted(name)} TO CURRENT_USER`);
  return { kind: 'ROLE', name };
}

async function ensureRole(client: pg.Client, name: string): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name]);
  if (rowCount === 0) await client.query(`CREATE ROLE ${quoted(name)} NOLOGIN`);
}

/** What a role has that would make its limits worthless; null: nothing. */
async function roleFault(client: pg.Client, name: string): Promise<string | null> {
  const { rows } = await client.query<{ privileged: boolean; owns: boolean }>(
    `SELECT r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls AS privileged,
       EXISTS (
         SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema() AND c.relname = ANY($2) AND pg_has_role(r.oid, c.relowner, 'MEMBER')
       ) AS owns
     FROM pg_roles r WHERE r.rolname = $1`,
    [name, APPEND_ONLY],
  );
  const [role] = rows;
  if (role === undefined) return 'does not exist';
  if (role.privileged) return 'is a superuser, or may make itself one';
  return role.owns ? 'owns the tables, or may become who does' : null;
}

/** Whether the connection may change to the role; a superuser may change to any. */
async function isMember(client: pg.Client, name: string): Promise<boolean> {
  const { rows } = await client.query<{ member: boolean }>(
    `SELECT rolsuper OR EXISTS (
       SELECT 1 FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
       WHERE g.rolname = $1 AND m.member = r.oid AND coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
     ) AS member FROM pg_roles r WHERE rolname = current_user`,
    [name],
  );
  return rows[0]?.member === true;
}

// Ours are those that carry a workspace: what else lies in the schema is nothing to us.
async function grant(client: pg.Client, schema: string, role: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'MEMBER')
       AND (c.relname = 'workspace' OR EXISTS (
         SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
       ))
     ORDER BY c.relname`,
    [schema],
  );
  const to = quoted(role);
  const grants = rows.flatMap(({ name }) => {
    const table = `${quoted(schema)}.${quoted(name)}`;
    return [`REVOKE ALL ON ${table} FROM ${to}`, `GRANT ${privilegesOn(name)} ON ${table} TO ${to}`];
  });
  await client.query(
    [
      `GRANT USAGE ON SCHEMA ${quoted(schema)} TO ${to}`,
      ...grants,
      `GRANT EXECUTE ON FUNCTION ${quoted(schema)}.delete_workspace(uuid) TO ${to}`,
    ].join(';\n'),
  );
}

function privilegesOn(table: string): string {
  if (READ_ONLY.includes(table)) return 'SELECT';
  if (APPEND_ONLY.includes(table)) return 'SELECT, INSERT';
  if (CHECKPOINTS.includes(table)) return 'SELECT, INSERT, UPDATE (published_at)';
  return KEPT.includes(table) ? 'SELECT, INSERT, UPDATE' : 'SELECT, INSERT, UPDATE, DELETE';
}

function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

function isCatalogRace(error: unknown): boolean {
  const code = codeOf(error);
  if (code === '42710' || code === '23505' || code === '40001' || code === '40P01') return true;
  return code === 'XX000' && error instanceof Error && error.message.includes('concurrently');
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined;
}
