import { Client } from 'pg';
import type { Endpoint } from './embedded-endpoint.ts';
import { superuser } from './embedded-cluster.ts';

/** A numbered pair of our own, so that no advisory lock of the application meets it. */
const lockKey = [20_550, 1] as const;
const connectTimeoutMs = 5_000;

/**
 * Connects to the maintenance database. Every field that counts is given, because `pg` would fill it from the
 * caller's environment (PGSSLMODE, PGOPTIONS) otherwise.
 */
export async function openSession(endpoint: Endpoint): Promise<Client> {
  const client = new Client({
    host: endpoint.host,
    port: endpoint.port,
    user: superuser,
    ...(endpoint.password === undefined ? {} : { password: endpoint.password }),
    database: 'postgres',
    ssl: false,
    application_name: `promptforge:${process.pid}`,
    client_encoding: 'UTF8',
    options: '-c timezone=UTC -c idle_session_timeout=0 -c statement_timeout=0',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  // Without a listener a connection that breaks while idle ends the whole process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Does not wait: with the server stopped or frozen the farewell may never be answered. */
export function closeSession(client: Client): void {
  client.end().catch(() => undefined);
}

export async function tryLock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1, $2) as taken', [
    ...lockKey,
  ]);
  return rows[0]?.taken === true;
}

/** The process that holds the lock of this data directory, or null. */
export async function findLockHolder(client: Client): Promise<number | null> {
  const { rows } = await client.query<{ name: string }>(
    `select a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and l.classid = $1::int::oid and l.objid = $2::int::oid`,
    [...lockKey],
  );
  const name = rows[0]?.name;
  return name === undefined ? null : Number(name.split(':')[1] ?? 0);
}

/** Who started this PostgreSQL: the `promptforge:<pid>:<start>` that the server gave it as its cluster name. */
export async function readStarter(client: Client): Promise<string> {
  const { rows } = await client.query<{ starter: string }>(
    `select current_setting('cluster_name') as starter`,
  );
  return rows[0]?.starter ?? '';
}

export async function ensureDatabase(client: Client, name: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
}
