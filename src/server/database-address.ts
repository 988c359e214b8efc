import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DatabaseAddress } from '../db/client.ts';
import { startEmbeddedServer } from '../db/embedded-server.ts';
import { migrate } from '../db/migrations.ts';
import type { Log } from './log.ts';

const CONNECT_ATTEMPTS = 15;
const CONNECT_PAUSE_MS = 2_000;

export interface OpenedDatabase {
  readonly address: DatabaseAddress;
  /** Stops the embedded server; nothing for one from outside. */
  stop(): Promise<void>;
}

/** The database that the configuration names: one from outside, or our own, started here. */
export async function openDatabaseServer(
  options: { readonly databaseUrl: string | null; readonly dataDirectory: string },
  log: Log,
  signal?: AbortSignal,
): Promise<OpenedDatabase> {
  if (options.databaseUrl !== null) {
    return { address: { connectionString: options.databaseUrl }, stop: async () => undefined };
  }
  const server = await startEmbeddedServer({
    dataDirectory: options.dataDirectory,
    log: (message) => log.info(message),
    ...(signal === undefined ? {} : { signal }),
  });
  return { address: server.connection, stop: () => server.stop() };
}

/** Brings the database up to date. A database from outside may still be starting: it is waited for, half a minute at most. */
export async function migrateDatabase(
  address: DatabaseAddress,
  directory: string,
  log: Log,
  signal?: AbortSignal,
): Promise<void> {
  const client = await connectPatiently(address, log, signal);
  try {
    signal?.throwIfAborted();
    const applied = await migrate(client, directory);
    if (applied.length > 0) log.info({ applied }, 'migrations applied');
  } finally {
    await client.end();
  }
}

async function connectPatiently(
  address: DatabaseAddress,
  log: Log,
  signal?: AbortSignal,
): Promise<pg.Client> {
  for (let attempt = 1; ; attempt += 1) {
    const client = new pg.Client({
      ...address,
      application_name: 'promptforge:migrate',
      connectionTimeoutMillis: 5_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (attempt >= CONNECT_ATTEMPTS || !isStarting(error))
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
