import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/prisma/client.ts';
import { PREPARED_SETTINGS } from './prepared-transaction.ts';
import type { PreparedPool } from './prepared-transaction.ts';

const CONNECT_TIMEOUT_MS = 2_000;
/** Longer than any read of ours takes; without it a PostgreSQL that is frozen, or a connection half open, hangs a read for ever. */
const READER_TIMEOUT_MS = 10_000;
/** Shorter: by these statements the node learns that the database is away. */
const CONTROL_TIMEOUT_MS = 3_000;
const CONTROL_CONNECTIONS = 3;
const TRANSACTION_WAIT_MS = 2_500;
const TRANSACTION_TIMEOUT_MS = 5_000;

/** Settings of every session. With another time zone, or another style of dates, the adapter returns wrong times. */
const SESSION_SETTINGS = {
  timezone: 'UTC',
  datestyle: 'ISO',
  bytea_output: 'hex',
  statement_timeout: '15s',
  lock_timeout: '4s',
  idle_in_transaction_session_timeout: '10s',
};

/** Where PostgreSQL is: a URL from outside, or what the embedded server answers. */
export type DatabaseAddress =
  | { readonly connectionString: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly database: string;
      readonly password?: string;
    };

export type Reader = PrismaClient;

/** Readers and writers have pools of their own: more than about ten writers only queue at the workspace's counter row. */
export interface Database {
  readonly reader: PrismaClient;
  readonly writer: PrismaClient;
  /** For what keeps the node up to date: heavy queries that occupy every reader must not blind it. */
  readonly control: PrismaClient;
  /** Gives up the idle connections of `control`: where one was found dead, the others have hardly fared better. */
  readonly renewControl: () => void;
  /** For the feed's listener: a connection of its own, to be closed by whoever asked for it. */
  readonly newConnection: () => pg.Client;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly address: DatabaseAddress;
  /** Whom every connection works as; absent: as whoever the address names. */
  readonly role?: string | undefined;
  /** @default 12 */
  readonly readerConnectionsMax?: number;
  /** @default 10 */
  readonly writerConnectionsMax?: number;
  /** Called with errors of idle connections, which pg would otherwise throw into the process. */
  readonly onIdleError: (error: Error) => void;
  /** Called once, when the writers stop to prepare statements: a pooler or a migration mixed them up. */
  readonly onUnprepared?: (error: unknown) => void;
  /** Statements as they are sent, for tests that count them. */
  readonly onQuery?: (sql: string) => void;
}

/** By the client that has the same connections. */
const preparedPools = new WeakMap<PrismaClient, PreparedPool>();

/** The connections of a writer, for what does without Prisma. */
export function preparedPoolOf(writer: PrismaClient): PreparedPool {
  const pool = preparedPools.get(writer);
  if (pool === undefined) throw new Error('no writer that openDatabase has opened');
  return pool;
}

/** Opens the pools; connects on first use, so it does not fail while the database is away. */
export function openDatabase(options: DatabaseOptions): Database {
  const readers = newPool(options, 'reader', options.readerConnectionsMax ?? 12, READER_TIMEOUT_MS);
  // No timeout: a client that gives up on a COMMIT cannot know whether it happened.
  const writers = newPool(
    { ...options, extra: PREPARED_SETTINGS },
    'writer',
    options.writerConnectionsMax ?? 10,
  );
  const controls = newPool(options, 'control', CONTROL_CONNECTIONS, CONTROL_TIMEOUT_MS);
  const reader = newClient(readers, options);
  const writer = newClient(writers, options);
  const control = newClient(controls, options);
  preparedPools.set(writer, {
    pool: writers,
    timeoutMs: TRANSACTION_TIMEOUT_MS,
    onQuery: options.onQuery,
    onUnprepared: options.onUnprepared,
    prepares: true,
  });
  return {
    reader,
    writer,
    control,
    renewControl: () => dropIdle(controls),
    newConnection: () =>
      new pg.Client({
        ...connectionSettings(options),
        application_name: 'promptforge:feed',
        // For its own statements only: announcements are no answers.
        query_timeout: CONTROL_TIMEOUT_MS,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        keepAlive: true,
      }),
    close: async () => {
      await Promise.allSettled([reader, writer, control].map((client) => client.$disconnect()));
      await Promise.allSettled([readers, writers, controls].map((pool) => pool.end()));
    },
  };
}

function newPool(
  options: DatabaseOptions & { readonly extra?: pg.PoolConfig },
  name: string,
  max: number,
  queryTimeoutMs?: number,
): pg.Pool {
  const pool = new pg.Pool({
    ...connectionSettings(options),
    ...options.extra,
    max,
    application_name: `promptforge:${name}`,
    ...(queryTimeoutMs === undefined ? {} : { query_timeout: queryTimeoutMs }),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
  });
  // Without a listener an idle connection's error ends the process when PostgreSQL stops.
  pool.on('error', options.onIdleError);
  return pool;
}

/** Without a farewell, which a connection that is half open would wait for. */
function dropIdle(pool: pg.Pool): void {
  const drop = (client: pg.PoolClient) => {
    client.connection.stream.destroy();
    client.release(true);
  };
  for (let left = pool.idleCount; left > 0; left -= 1) pool.connect().then(drop, () => undefined);
}

function newClient(pool: pg.Pool, options: DatabaseOptions): PrismaClient {
  const adapter = new PrismaPg(pool);
  const transactionOptions = { maxWait: TRANSACTION_WAIT_MS, timeout: TRANSACTION_TIMEOUT_MS };
  if (options.onQuery === undefined) return new PrismaClient({ adapter, transactionOptions });
  const { onQuery } = options;
  const client = new PrismaClient({ adapter, transactionOptions, log: [{ emit: 'event', level: 'query' }] });
  client.$on('query', (event) => onQuery(event.query));
  return client;
}

/**
 * The address with our session settings. In pg the URL's `options` win over those beside it, so they are taken out of the URL and ours
 * are appended: of two settings of one name PostgreSQL takes the last.
 */
export function connectionSettings({ address, role }: Pick<DatabaseOptions, 'address' | 'role'>) {
  const settings = role === undefined ? SESSION_SETTINGS : { ...SESSION_SETTINGS, role };
  const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const url = 'connectionString' in address ? parseUrl(address.connectionString) : null;
  const theirs = url?.searchParams.getAll('options').at(-1);
  if (url === null || theirs === undefined) return { ...address, options: ours.join(' ') };
  url.searchParams.delete('options');
  return { connectionString: url.href, options: [theirs, ...ours].join(' ') };
}

/** Null for what is no URL to WHATWG, such as an empty host behind a user: pg understands some of that. */
function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
