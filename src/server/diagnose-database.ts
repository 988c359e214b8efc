import type pg from 'pg';
import { openDatabase } from '../db/client.ts';
import type { Database } from '../db/client.ts';
import { inspectMigrations } from '../db/migrations.ts';
import { inspectServerRole } from '../db/server-role.ts';
import { canHear } from '../realtime/hearing.ts';
import { connectOwner } from './database-address.ts';
import type { OpenedDatabase } from './database-address.ts';
import type { Finding } from './finding.ts';
import type { Log } from './log.ts';

const VERSION_MIN = 140_000;
const SKEW_WARNING_MS = 1_000;
/** Of tokens of people, five seconds are let pass: docs/operations.md. */
const SKEW_FAULT_MS = 5_000;
/** What a node opens at most, and a little for whoever looks after the database. */
const CONNECTIONS_WANTED = 30;

/** Looks at a database and changes nothing in it. */
export async function diagnoseDatabase(
  opened: OpenedDatabase,
  migrationsDirectory: string,
  log: Log,
): Promise<Finding[]> {
  let owner: pg.Client;
  try {
    owner = await connectOwner(opened, log, undefined, 1);
  } catch (error) {
    const advice =
      'is PostgreSQL running, and are host, port, user, password and name in DATABASE_URL right?';
    return [{ check: 'connection', state: 'FAULT', says: textOf(error), advice }];
  }
  const database = openDatabase({ address: opened.address, onIdleError: () => undefined });
  try {
    return [
      await attempt('postgresql', () => lookAtServer(owner)),
      await attempt('migrations', () => lookAtMigrations(owner, migrationsDirectory)),
      await attempt('role', () => lookAtRole(owner, opened, database)),
      await attempt('listen', () => lookAtListen(database)),
      await attempt('clock of the database', () => lookAtClock(owner)),
    ];
  } finally {
    await database.close();
    await owner.end();
  }
}

async function attempt(check: string, look: () => Promise<Omit<Finding, 'check'>>): Promise<Finding> {
  try {
    return { check, ...(await look()) };
  } catch (error) {
    return { check, state: 'FAULT', says: textOf(error) };
  }
}

async function lookAtServer(owner: pg.Client): Promise<Omit<Finding, 'check'>> {
  const { rows } = await owner.query<{
    version: string;
    number: number;
    encoding: string;
    standby: boolean;
    connections: number;
  }>(`SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
        current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby, current_setting('max_connections')::int AS connections`);
  const [server] = rows;
  if (server === undefined) throw new Error('the database does not say what it is');
  const says = `PostgreSQL ${server.version}, ${server.encoding}, ${server.connections} connections at most`;
  if (server.number < VERSION_MIN)
    return { state: 'FAULT', says, advice: 'PostgreSQL 14 or newer is needed' };
  if (server.encoding !== 'UTF8')
    return { state: 'FAULT', says, advice: "create the database with ENCODING 'UTF8' TEMPLATE template0" };
  if (server.standby)
    return {
      state: 'FAULT',
      says: `${says}, a read-only standby`,
      advice: 'set DATABASE_URL to the primary',
    };
  if (server.connections < CONNECTIONS_WANTED)
    return {
      state: 'WARNING',
      says,
      advice: 'a node opens up to 26 connections: raise max_connections in postgresql.conf',
    };
  return { state: 'OK', says };
}

async function lookAtMigrations(owner: pg.Client, directory: string): Promise<Omit<Finding, 'check'>> {
  const { applied, pending } = await inspectMigrations(owner, directory);
  if (pending.length === 0) return { state: 'OK', says: `all ${applied} are applied` };
  const says = `${applied} applied, ${pending.length} pending: ${pending.join(', ')}`;
  return {
    state: 'WARNING',
    says,
    advice: 'the next start of the server applies them, as does `promptforge migrate`; make a backup before',
  };
}

async function lookAtRole(
  owner: pg.Client,
  { ownerAddress }: OpenedDatabase,
  { reader }: Database,
): Promise<Omit<Finding, 'check'>> {
  const [row] = await reader.$queryRaw<{ who: string }[]>`SELECT current_user::text AS who`;
  const login = ownerAddress === null ? null : (row?.who ?? '');
  const role = await inspectServerRole(owner, login);
  if (!role.mayCreate)
    return {
      state: 'FAULT',
      says: `${role.owner} may not create tables in this schema, which migrations need`,
      advice: `ALTER DATABASE ... OWNER TO ${role.owner}, or set DATABASE_MIGRATION_URL to the owner`,
    };
  if (role.fault === null)
    return {
      state: 'OK',
      says: `${role.owner} migrates, the server works as ${role.name} and may not change the log`,
    };
  return {
    state: 'WARNING',
    says: `the server works as the owner of its tables: ${role.name} ${role.fault}`,
    advice: `as an administrator, once: CREATE ROLE "${role.name}" NOLOGIN; GRANT "${role.name}" TO "${role.owner}" (docs/operations.md, "The role of the server")`,
  };
}

async function lookAtListen(database: Database): Promise<Omit<Finding, 'check'>> {
  const client = database.newConnection();
  client.on('error', () => undefined);
  await client.connect();
  try {
    if (await canHear(client, database.control)) return { state: 'OK', says: 'announcements arrive' };
    return {
      state: 'WARNING',
      says: 'LISTEN is answered, but announcements do not arrive: promotions are seen by polling, up to a second later',
      advice:
        'a pooler in transaction mode stands in between: set DATABASE_URL to PostgreSQL itself, or to a pooler in session mode',
    };
  } finally {
    await client.end();
  }
}

async function lookAtClock(owner: pg.Client): Promise<Omit<Finding, 'check'>> {
  const before = Date.now();
  const { rows } = await owner.query<{ at: number }>(
    'SELECT extract(epoch FROM clock_timestamp())::float8 AS at',
  );
  const middle = (before + Date.now()) / 2;
  const skewMs = Math.round((rows[0]?.at ?? 0) * 1_000 - middle);
  const says = `${Math.abs(skewMs)} ms ${skewMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  if (Math.abs(skewMs) < SKEW_WARNING_MS) return { state: 'OK', says };
  return {
    state: Math.abs(skewMs) < SKEW_FAULT_MS ? 'WARNING' : 'FAULT',
    says,
    advice:
      'let both machines follow a time server: ends of keys and tokens, and times of promotions, depend on it',
  };
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
