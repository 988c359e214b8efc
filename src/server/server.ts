import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { v7 } from 'uuid';
import { createApp } from '../actions/app.ts';
import { openDatabase } from '../db/client.ts';
import type { Database } from '../db/client.ts';
import { createSnapshot } from '../delivery/snapshot.ts';
import { createFeed } from '../realtime/feed.ts';
import type { FeedStatus } from '../realtime/feed.ts';
import { createSchema } from '../schema/schema.ts';
import { createAuthenticator } from './authenticator.ts';
import { createFirstKey, ensureDefaultWorkspace } from './bootstrap.ts';
import type { Config } from './config.ts';
import { migrateDatabase, openDatabaseServer } from './database-address.ts';
import { createFront, GRAPHIQL_ASSETS_PATH, GRAPHQL_PATH } from './front.ts';
import { createGraphiql } from './graphiql.ts';
import { createGraphqlHandler } from './graphql.ts';
import { startJanitor } from './janitor.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { atMost } from './rounds.ts';
import { startUsage } from './usage.ts';

const SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024;
const HTTP_OPTIONS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 };
const GRAPHIQL = { endpoint: GRAPHQL_PATH, assetsPath: GRAPHIQL_ASSETS_PATH, title: 'PromptForge' };
const DRAIN_MS = 20_000;
/** A statement that a frozen database never answers must not keep the process. */
const DATABASE_CLOSE_MS = 5_000;

export interface ServerOptions {
  readonly config: Config;
  readonly migrationsDirectory: string;
  readonly log: Log;
  /** Statements as they are sent, for tests that count them. */
  readonly onQuery?: (sql: string) => void;
}

export interface RunningServer {
  readonly url: string;
  /** The first admin key, at the first start only. */
  readonly firstKey: string | null;
  /** Stops in order: no new requests, those under way answered, feed, pools, database. */
  close(): Promise<void>;
}

/** Starts everything in order and listens. What was started is stopped again when a later step fails. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const stops: Stops = [];
  const stopAll = async () => {
    for (const stop of stops.toReversed())
      await stop().catch((error: unknown) => options.log.error({ err: error }, 'while stopping'));
    stops.length = 0;
  };
  try {
    return await wire(options, stops, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

class PortTaken extends Error {
  constructor(host: string, port: number) {
    super(`port ${port} of ${host} is taken: stop what listens there, or set PORT to another one`);
  }
}

type Stops = (() => Promise<void>)[];

async function wire(
  options: ServerOptions,
  stops: Stops,
  stopAll: () => Promise<void>,
): Promise<RunningServer> {
  const { config, log } = options;
  const database = await openMigrated(options, stops);
  const snapshot = createSnapshot(database, { bytesMax: SNAPSHOT_BYTES_MAX });
  const onUnavailable = (cause: unknown) =>
    log.warn({ err: cause }, 'a change was refused: the database did not take it');
  const actionDeps = { writer: database.writer, clock: () => new Date(), newId: () => v7(), onUnavailable };
  const bootstrapApp = createApp({ ...actionDeps, onCommit: async () => undefined });
  const adminWorkspaceId = await ensureDefaultWorkspace(bootstrapApp, database.reader, config);

  let feedStatus = (): FeedStatus => ({ started: false, reachable: true, listening: false, stuck: false });
  const authenticator = createAuthenticator(database.control, {
    adminKey: config.adminKey,
    adminWorkspaceId,
    isReachable: () => feedStatus().reachable,
  });
  const feed = createFeed(database, [authenticator, snapshot], log);
  feedStatus = () => feed.status();
  stops.push(() => feed.stop());
  await feed.start();
  const janitor = startJanitor(database, log);
  const counting = startUsage({ database, nodeId: v7(), openStreams: () => [], log });
  stops.push(
    () => janitor.stop(),
    () => counting.stop(),
  );

  const app = createApp({ ...actionDeps, onCommit: (commit) => feed.onCommit(commit) });
  let draining = false;
  const front = createFront({
    authenticator,
    snapshot,
    usage: counting.usage,
    graphql: createGraphqlHandler({ schema: createSchema(), app, reader: database.reader, log }),
    graphiql: createGraphiql(GRAPHIQL),
    metrics: createMetrics({
      snapshotBytes: () => snapshot.sizeBytes(),
      isReachable: () => feedStatus().reachable,
    }),
    corsOrigins: config.corsOrigins,
    feedStatus: () => feedStatus(),
    isDraining: () => draining,
    log,
  });
  const server = createServer(HTTP_OPTIONS, front);
  stops.push(async () => {
    draining = true;
    await closeHttp(server);
  });
  const url = await listen(server, config);
  server.on('error', (error) => log.error({ err: error }, 'the HTTP server failed'));
  const firstKey =
    config.adminKey === null ? await createFirstKey(app, database.reader, adminWorkspaceId) : null;
  return { url, firstKey, close: stopAll };
}

async function openMigrated(
  { config, log, migrationsDirectory, onQuery }: ServerOptions,
  stops: Stops,
): Promise<Database> {
  const databaseServer = await openDatabaseServer(config, log);
  stops.push(() => databaseServer.stop());
  await migrateDatabase(databaseServer.address, migrationsDirectory, log);
  const database = openDatabase({
    address: databaseServer.address,
    onIdleError: (error) => log.warn({ reason: error.message }, 'a database connection was lost'),
    ...(onQuery === undefined ? {} : { onQuery }),
  });
  stops.push(() => atMost(DATABASE_CLOSE_MS, database.close()));
  return database;
}

async function listen(server: Server, { host, port }: Config): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new PortTaken(host, port) : error);
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      resolve();
    });
  });
  const { port: actual } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
}

/** Idle connections end at once, busy ones when they have answered, the rest after a few seconds. */
async function closeHttp(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(timer);
}
