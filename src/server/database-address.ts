import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connectionSettings } from '../db/client.ts';
import type { DatabaseAddress } from '../db/client.ts';
import { startEmbeddedServer } from '../db/embedded-server.ts';
import { migrate } from '../db/migrations.ts';
import { prepareServerRole } from '../db/server-role.ts';
import type { Log } from './log.ts';

const CONNECT_ATTEMPTS = 15;
const CONNECT_PAUSE_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;

export interface OpenedDatabase {
  readonly address: DatabaseAddress;
  /** Of the owner of the tables, where the server connects as somebody else. */
  readonly ownerAddress: DatabaseAddress | null;
  /** Where the embedded server's data really lies; null for one from outside. */
  readonly dataDirectory: string | null;
  /** Stops the embedded server; nothing for one from outside. */
  stop(): Promise<void>;
}

type Addresses = Pick<OpenedDatabase, 'address' | 'ownerAddress'>;

/** The database that the configuration names: one from outside, or our own, started here. */
export async function openDatabaseServer(
  options: {
    readonly databaseUrl: string | null;
    readonly migrationUrl: string | null;
    readonly dataDirectory: string;
  },
  log: Log,
  signal?: AbortSignal,
): Promise<OpenedDatabase> {
  const { databaseUrl, migrationUrl } = options;
  if (databaseUrl !== null) {
    const ownerAddress = migrationUrl === null ? null : { connectionString: migrationUrl };
    return {
      address: { connectionString: databaseUrl },
      ownerAddress,
      dataDirectory: null,
      stop: async () => undefined,
    };
  }
  const server = await startEmbeddedServer({
    dataDirectory: options.dataDirectory,
    log: (message) => log.info(message),
    ...(signal === undefined ? {} : { signal }),
  });
  const { connection: address, dataDirectory } = server;
  return { address, ownerAddress: null, dataDirectory, stop: () => server.stop() };
}

export interface MigratedDatabase {
  /** That connections change to; undefined: none, they work as whoever the address names. */
  readonly role: string | undefined;
  /** The migrations that were applied now. */
  readonly applied: readonly string[];
}

/**
 * Brings the database up to date and makes the role that the server works as. A database from outside may still be starting: it is waited
 * for, half a minute at most.
 */
export async function migrateDatabase(
  { address, ownerAddress }: Addresses,
  directory: string,
  log: Log,
  signal?: AbortSignal,
): Promise<MigratedDatabase> {
  const owner = await connectOwner({ address, ownerAddress }, log, signal);
  try {
    signal?.throwIfAborted();
    const applied = await migrate(owner, directory);
    if (applied.length > 0) log.info({ applied }, 'migrations applied');
    const login = ownerAddress === null ? null : await nameOfLogin(address, log, signal);
    const role = await prepareServerRole(owner, login);
    if (role.kind === 'ROLE') return { role: await usableRole(address, role.name, log), applied };
    if (role.kind === 'OWNER') log.warn({ reason: role.reason }, AS_OWNER);
    return { role: undefined, applied };
  } finally {
    await owner.end();
  }
}

/** A connection of who owns the tables. `attempts`: a database from outside may still be starting, and is waited for. */
export function connectOwner(
  { address, ownerAddress }: Addresses,
  log: Log,
  signal?: AbortSignal,
  attempts = CONNECT_ATTEMPTS,
): Promise<pg.Client> {
  return connectPatiently(ownerAddress ?? address, log, signal, attempts);
}

const AS_OWNER =
  'the server works as the owner of its tables: triggers alone keep the audit trail, see "The role of the server" in docs/operations.md';

/** The role, when a connection comes to work as it: a pooler may drop what we ask for at the start of a session, or refuse it. */
export async function usableRole(
  address: DatabaseAddress,
  role: string,
  log: Log,
): Promise<string | undefined> {
  const client = new pg.Client({
    ...connectionSettings({ address, role }),
    application_name: 'promptforge:role',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ who: string }>('SELECT current_user::text AS who');
    if (rows[0]?.who === role) return role;
    log.warn(
      { role, reason: 'the connection did not change to it: is there a pooler in between?' },
      AS_OWNER,
    );
  } catch (error) {
    log.warn({ role, reason: String(error) }, AS_OWNER);
  } finally {
    await client.end().catch(() => undefined);
  }
  return undefined;
}

async function nameOfLogin(address: DatabaseAddress, log: Log, signal?: AbortSignal): Promise<string> {
  const client = await connectPatiently(address, log, signal);
  try {
    const { rows } = await client.query<{ who: string }>('SELECT current_user::text AS who');
    return rows[0]?.who ?? '';
  } finally {
    await client.end();
  }
}

async function connectPatiently(
  address: DatabaseAddress,
  log: Log,
  signal?: AbortSignal,
  attempts = CONNECT_ATTEMPTS,
): Promise<pg.Client> {
  for (let attempt = 1; ; attempt += 1) {
    const client = new pg.Client({
      ...address,
      application_name: 'promptforge:migrate',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (attempt >= attempts || !isStarting(error))
        throw new Error(`the database cannot be reached (DATABASE_URL): ${String(error)}`, { cause: error });
      log.warn({ reason: String(error) }, 'the database does not answer yet: waiting for it');
      await sleep(CONNECT_PAUSE_MS, undefined, { signal });
    }
  }
}

function isStarting(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === '57P03';
}
