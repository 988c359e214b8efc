import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerOptions as HttpOptions } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { v7 } from 'uuid';
import { createApp } from '../actions/app.ts';
import { openDatabase } from '../db/client.ts';
import type { Database } from '../db/client.ts';
import { RefusedAttempts } from '../db/refused-attempts.ts';
import type { ActionDeps } from '../db/transaction.ts';
import { HUB_TIMES } from '../realtime/hub-deps.ts';
import type { HubTimes } from '../realtime/hub-deps.ts';
import type { CheckpointContext } from '../schema/context.ts';
import { createAnswers } from './answers.ts';
import type { Inside } from './answers.ts';
import { AUDIT_TIMES } from './audit-export.ts';
import type { AuditTimes } from './audit-export.ts';
import { configuredKeys } from './authenticator.ts';
import { createFirstKey, ensureDefaultWorkspace, ensureOperatorWorkspace } from './bootstrap.ts';
import { startCheckpoints } from './checkpoints.ts';
import { createClientAddress, trustIn } from './client-address.ts';
import type { Config } from './config.ts';
import { guardConnections } from './connection-guard.ts';
import type { ConnectionGuard } from './connection-guard.ts';
import { migrateDatabase, openDatabaseServer } from './database-address.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { DOOR_TIMES } from './door-times.ts';
import type { DoorTimes } from './door-times.ts';
import { createFront } from './front.ts';
import { createGraph } from './graph.ts';
import { startJanitor } from './janitor.ts';
import { listenFault } from './listen-fault.ts';
import type { Log } from './log.ts';
import { startNode } from './node.ts';
import type { Node } from './node.ts';
import type { KeyTimes } from './oidc.ts';
import { recordingApp } from './own-writes.ts';
import { KEEP_ALIVE_MS, PreparedResponse } from './prepared-response.ts';
import { atMost } from './rounds.ts';
import { sparsely } from './sparsely.ts';
import { openSigning } from './signing.ts';
import { STREAM_TIMES } from './streams.ts';
import type { Streams, StreamTimes } from './streams.ts';
import { WaitingRoom } from './waiting-room.ts';
import { startWarmUp } from './warm-up.ts';
import { attachWebSocket } from './websocket.ts';

const IDLE_SWEEP_MS = 100;
/** What was opened in the last moment before the node stopped to listen may say in this time what it wants. */
const FIRST_WORD_MS = 500;
const REFUSED = 'a change was refused: the database did not take it';
const UNPREPARED =
  'promotions are not prepared any more until the next start, and slower: a pooler in transaction mode, or a migration beside this node, mixed up their statements';
/** A statement that a frozen database never answers must not keep the process. */
const DATABASE_CLOSE_MS = 5_000;

export interface ServerOptions {
  readonly config: Config;
  readonly migrationsDirectory: string;
  readonly log: Log;
  /** Breaks the start off, which then throws and has stopped what it had started. */
  readonly signal?: AbortSignal;
  /** Statements as they are sent, for tests that count them. */
  readonly onQuery?: (sql: string) => void;
  /** Other waits than those of production, for tests that would wait for minutes. */
  readonly times?: Partial<HubTimes & StreamTimes & DoorTimes & KeyTimes & AuditTimes>;
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

type Stops = (() => Promise<void>)[];

async function wire(
  options: ServerOptions,
  stops: Stops,
  stopAll: () => Promise<void>,
): Promise<RunningServer> {
  const { config, log } = options;
  const graph = createGraph(config);
  const { database, dataDirectory } = await openMigrated(options, stops);
  const onUnavailable = sparsely((err: unknown, suppressed) => log.warn({ err, suppressed }, REFUSED));
  const actionDeps = { writer: database.writer, clock: () => new Date(), newId: () => v7(), onUnavailable };
  const bootstrapApp = createApp({ ...actionDeps, onCommit: async () => undefined });
  const adminWorkspaceId = await ensureDefaultWorkspace(bootstrapApp, database.reader, config);
  const operatorWorkspaceId = await ensureOperatorWorkspace(bootstrapApp);

  const times = { ...HUB_TIMES, ...STREAM_TIMES, ...DOOR_TIMES, ...AUDIT_TIMES, ...options.times };
  const node = await startNode({
    database,
    nodeId: v7(),
    log,
    configured: configuredKeys({ ...config, adminWorkspaceId, operatorWorkspaceId }),
    times,
    oidc: config.oidc,
    snapshotBytesMax: config.snapshot.bytesMax,
    app: bootstrapApp,
    newId: actionDeps.newId,
  });
  stops.push(() => node.stop());
  const committing: ActionDeps = { ...actionDeps, onCommit: (commit) => node.feed.onCommit(commit) };
  const attempts = new RefusedAttempts(committing);
  stops.push(() => attempts.idle());
  const newApp = recordingApp({
    ...committing,
    onAttemptRefused: (actor, moves, error) => attempts.note(actor, moves, error),
  });
  const janitor = startJanitor(database, log, () => newApp().sweepPromotionRequests());
  stops.push(() => janitor.stop());
  options.signal?.throwIfAborted();

  const checkpoints = await openCheckpoints(options, { database, node, dataDirectory, times }, stops);
  const inside = { graph, node, newApp, database, checkpoints, times, homeWorkspaceId: adminWorkspaceId };
  const server = openDoors(options, inside, stops);
  const url = await listen(server, config);
  server.on('error', (error) => log.error({ err: error }, 'the HTTP server failed'));
  if (config.snapshot.warmUp) {
    const { control } = database;
    const warmUp = startWarmUp({ control, ...node, bytesMax: config.snapshot.bytesMax, log });
    stops.push(() => warmUp.stop());
  }
  const firstKey =
    config.adminKey === null ? await createFirstKey(newApp(), database.reader, adminWorkspaceId) : null;
  return { url, firstKey, close: stopAll };
}

/** Everything that is reached from outside: HTTP, REST, GraphQL, event streams, WebSockets. */
function openDoors(options: ServerOptions, inside: Inside, stops: Stops): Server {
  const { config, log } = options;
  const { node, times, homeWorkspaceId } = inside;
  const { streams, authenticator } = node;
  const { corsOrigins, trustedProxies, rateLimits } = config;
  const trusts = trustIn(trustedProxies);
  const clientAddress = createClientAddress(trusts);
  const doorkeeper = new Doorkeeper({ authenticator, clientAddress, rateLimits, log });
  const answers = createAnswers(config, inside, log);
  let draining = false;
  const isDraining = () => draining;
  const front = { ...node, ...answers, doorkeeper, homeWorkspaceId, corsOrigins, isDraining, log };
  const server = createServer(httpOptions(times), createFront(front));
  const isStream = (socket: Socket) => streams.carries(socket);
  const guard = guardConnections(server, { times, trusts, isStream, log });
  const waitingRoom = new WaitingRoom();
  attachWebSocket(server, {
    ...node,
    ...answers,
    doorkeeper,
    corsOrigins,
    clientAddress,
    waitingRoom,
    times,
    log,
  });
  stops.push(async () => {
    draining = true;
    guard.stop();
    await drain(server, { guard, streams, endMs: times.drainEndMs, lingerMs: times.lingerMs });
  });
  return server;
}

/** How slow a request may come. Without a look more often than node's 30 s, its times would hold for nobody. */
function httpOptions({
  headersMs,
  requestMs,
  sweepMs,
}: DoorTimes): HttpOptions<typeof IncomingMessage, typeof PreparedResponse> {
  return {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: sweepMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    ServerResponse: PreparedResponse,
  };
}

async function openMigrated(
  { config, log, migrationsDirectory, onQuery, signal }: ServerOptions,
  stops: Stops,
): Promise<{ readonly database: Database; readonly dataDirectory: string | null }> {
  const databaseServer = await openDatabaseServer(config, log, signal);
  stops.push(() => databaseServer.stop());
  const { role } = await migrateDatabase(databaseServer, migrationsDirectory, log, signal);
  const database = openDatabase({
    address: databaseServer.address,
    role,
    onIdleError: (error) => log.warn({ reason: error.message }, 'a database connection was lost'),
    onUnprepared: (err) => log.warn({ err }, UNPREPARED),
    ...(onQuery === undefined ? {} : { onQuery }),
  });
  stops.push(() => atMost(DATABASE_CLOSE_MS, database.close()));
  return { database, dataDirectory: databaseServer.dataDirectory };
}

async function openCheckpoints(
  { config, log }: ServerOptions,
  inside: {
    readonly database: Database;
    readonly node: Node;
    readonly dataDirectory: string | null;
    readonly times: AuditTimes;
  },
  stops: Stops,
): Promise<CheckpointContext> {
  const { database, node, dataDirectory, times } = inside;
  const signing = await openSigning(config, dataDirectory);
  if (signing === null) return { signer: null, publish: async () => undefined };
  const meters = node.metrics.checkpoints;
  const checkpoints = startCheckpoints({
    ...signing,
    database,
    everyMs: times.checkpointEveryMs,
    meters,
    log,
  });
  stops.push(() => atMost(DATABASE_CLOSE_MS, checkpoints.stop()));
  return { signer: signing.signer, publish: (checkpoint) => checkpoints.publish(checkpoint) };
}

async function listen(server: Server, { host, port }: Config): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => reject(listenFault(error, { host, port }));
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      resolve();
    });
  });
  const { port: actual } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
}

/**
 * Tells everybody to go, then stops to listen: until then `/readyz` says that this node stops. Idle connections end at once, those that were
 * opened and never used (browsers and clients keep some in reserve) a moment later, busy ones when they have answered, and whoever is left
 * when the time is up is cut.
 */
async function drain(
  server: Server,
  {
    guard,
    streams,
    endMs,
    lingerMs,
  }: {
    readonly guard: ConnectionGuard;
    readonly streams: Streams;
    readonly endMs: number;
    readonly lingerMs: number;
  },
): Promise<void> {
  if (!server.listening) return;
  const deadline = setTimeout(() => {
    streams.terminate();
    server.closeAllConnections();
  }, endMs);
  // An idle connection may have its next request on the way: closing it would leave that unanswered.
  await Promise.all([streams.drain(), delay(lingerMs)]);
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  // What is being answered now would keep its connection for the next request.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
  const unused = setInterval(() => guard.endUnused(), FIRST_WORD_MS);
  await closed;
  clearInterval(unused);
  clearInterval(idle);
  clearTimeout(deadline);
}
