import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isUnavailable } from '../db/database-errors.ts';
import type { Actor } from '../domain/actor.ts';
import { can } from '../domain/actor.ts';
import { mayReadAll, readsSomething } from '../domain/actor-reading.ts';
import type { Snapshot } from '../delivery/snapshot.ts';
import type { Usage } from '../delivery/usage.ts';
import type { FeedStatus } from '../realtime/feed.ts';
import { takeApplied } from './applied-door.ts';
import type { AppliedDoorDeps } from './applied-door.ts';
import { AUDIT_EXPORT_PATH } from './audit-export.ts';
import type { AuditExport } from './audit-export.ts';
import { bodyBytesMax, readBody } from './body.ts';
import { applyCors } from './cors.ts';
import { deliver, deliverRendered, DELIVERY_PATH, isRender } from './delivery.ts';
import type { Doorkeeper } from './doorkeeper.ts';
import type { ChannelAnswer } from './channel-answer.ts';
import { APPLIED_SUFFIX, CHANNELS_PATH } from './channel-request.ts';
import { streamEvents } from './event-stream.ts';
import type { EventStreamDeps } from './event-stream.ts';
import type { Graphiql } from './graphiql.ts';
import { subscribeBySse } from './graphql-sse.ts';
import type { GraphqlSseDeps } from './graphql-sse.ts';
import type { GraphqlHandler } from './graphql.ts';
import { sendLiveness, sendReadiness } from './health.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { hasMinCursor, reachMinCursor } from './min-cursor.ts';
import type { Reach } from './min-cursor.ts';
import { GRAPHIQL_ASSETS_PATH, GRAPHQL_PATH } from './paths.ts';
import {
  forbidden,
  methodNotAllowed,
  notFound,
  ProblemError,
  sendProblem,
  unauthenticated,
  unavailable,
  unexpected,
} from './problem.ts';

import type { SnapshotGraph } from './snapshot-graph.ts';
import { setSecurityHeaders } from './security-headers.ts';

export interface FrontDeps extends AppliedDoorDeps {
  readonly doorkeeper: Doorkeeper;
  readonly snapshot: Snapshot;
  readonly usage: Usage;
  readonly graphql: GraphqlHandler;
  readonly snapshotGraph: SnapshotGraph;
  readonly sse: GraphqlSseDeps & EventStreamDeps;
  readonly channelAnswer: ChannelAnswer;
  readonly auditExport: AuditExport;
  /** Null: switched off, and nothing tells that there is such a thing. */
  readonly graphiql: Graphiql | null;
  readonly metrics: Metrics;
  /** Who keeps an installation of its own has its keys in this workspace, and reads the figures of its nodes with them. */
  readonly homeWorkspaceId: string;
  readonly corsOrigins: readonly string[];
  readonly feedStatus: () => FeedStatus;
  readonly reach: Reach;
  readonly isDraining: () => boolean;
  readonly log: Log;
}

/** An instance and a cursor, with room. */
const APPLIED_BYTES_MAX = 4_096;

type Route =
  | 'graphql'
  | 'graphiql'
  | 'delivery'
  | 'channel'
  | 'applied'
  | 'events'
  | 'audit'
  | 'livez'
  | 'readyz'
  | 'metrics'
  | 'unknown';

/** What a probe asks for is answered whoever else asks for too much. */
const UNCOUNTED_ROUTES: ReadonlySet<Route> = new Set<Route>(['livez', 'readyz']);

/** What pages of other origins may call, where the operator says so. */
const CORS_ROUTES: ReadonlySet<Route> = new Set<Route>([
  'graphql',
  'delivery',
  'channel',
  'applied',
  'events',
]);

/** Every HTTP request comes in here: routing, CORS, authentication, body limits, errors, metrics. */
export function createFront(deps: FrontDeps): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const began = performance.now();
    const requestId = randomUUID();
    const path = pathOf(req);
    const route = routeOf(path);
    res.setHeader('x-request-id', requestId);
    // Whoever comes again comes to a node that stays.
    if (deps.isDraining()) res.setHeader('connection', 'close');
    setSecurityHeaders(res);
    res.once('close', () => {
      const seconds = (performance.now() - began) / 1_000;
      deps.metrics.observeRequest(route, res.statusCode, seconds);
      deps.log.debug({ requestId, method: req.method, path, status: res.statusCode, seconds }, 'request');
    });
    handle(deps, { req, res, path, route, requestId }).catch((error: unknown) =>
      fail(deps.log, requestId, res, error),
    );
  };
}

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly path: string;
  readonly route: Route;
  readonly requestId: string;
}

async function handle(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req, res, path, route } = exchange;
  if (CORS_ROUTES.has(route) && applyCors(req, res, deps.corsOrigins)) return;
  if (!UNCOUNTED_ROUTES.has(route)) await deps.doorkeeper.count(req);
  switch (route) {
    case 'livez':
      return sendLiveness(res);
    case 'readyz':
      return sendReadiness(res, { draining: deps.isDraining(), feed: deps.feedStatus() });
    case 'graphiql':
      if (deps.graphiql?.asset(req, res, path)) return;
      throw new ProblemError(notFound('there is no such file'));
    case 'graphql':
      if (deps.graphiql !== null && wantsPage(req)) return deps.graphiql.page(req, res);
      return handleGraphql(deps, exchange);
    case 'delivery':
      return handleDelivery(deps, exchange);
    case 'channel':
      return handleChannel(deps, exchange);
    case 'applied':
      return handleApplied(deps, exchange);
    case 'events':
      return handleEvents(deps, exchange);
    case 'audit':
      return deps.auditExport.send(await requireActor(deps, exchange), req, res);
    case 'metrics':
      return handleMetrics(deps, exchange);
    case 'unknown':
      throw new ProblemError(
        notFound(`there is nothing here: try ${GRAPHQL_PATH} or ${DELIVERY_PATH}{slug}`),
      );
  }
}

async function handleGraphql(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req, res, requestId } = exchange;
  const actor = await requireActor(deps, exchange);
  const body = hasBody(req) ? await readBody(req, bodyBytesMax(actor)) : Buffer.alloc(0);
  if (await deps.snapshotGraph.answer({ req, res, actor, body })) return;
  if (await subscribeBySse(deps.sse, { req, res, actor, requestId, body })) return;
  await deps.graphql(req, res, { actor: deps.doorkeeper.withOrigin(actor, req, requestId), requestId, body });
}

async function handleDelivery(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req, res, path } = exchange;
  const actor = await requireActor(deps, exchange);
  requireRead(actor);
  if (hasMinCursor(req)) await reachMinCursor(deps.reach, actor, req);
  const { snapshot, usage } = deps;
  const delivery = { snapshot, usage, isStale: () => !deps.feedStatus().reachable };
  if (req.method !== 'POST')
    return deliver(delivery, actor, req, res, isRender(path) ? 'GET, HEAD, POST' : 'GET, HEAD');
  if (!isRender(path)) throw new ProblemError(methodNotAllowed('GET, HEAD'));
  return deliverRendered(delivery, actor, req, res, await readBody(req, bodyBytesMax(actor)));
}

async function handleChannel(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req, res } = exchange;
  const actor = await requireActor(deps, exchange);
  requireRead(actor);
  if (hasMinCursor(req)) await reachMinCursor(deps.reach, actor, req);
  return deps.channelAnswer.send(actor, req, res);
}

/** A fleet that says what it has applied must not use up what its key may ask for. */
async function handleApplied(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req, res } = exchange;
  const actor = await requireActor(deps, exchange, 'applied');
  requireRead(actor);
  if (req.method !== 'POST') throw new ProblemError(methodNotAllowed('POST'));
  const body = await readBody(req, APPLIED_BYTES_MAX);
  return takeApplied(deps, actor, { req, res, body });
}

async function handleEvents(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req, res } = exchange;
  const actor = await requireActor(deps, exchange);
  requireRead(actor);
  return streamEvents(deps.sse, actor, req, res);
}

async function handleMetrics(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req, res } = exchange;
  if (req.method !== 'GET') throw new ProblemError(methodNotAllowed('GET'));
  requireFigures(deps, await requireActor(deps, exchange));
  const text = await deps.metrics.registry.metrics();
  res.writeHead(200, { 'content-type': deps.metrics.registry.contentType });
  res.end(text);
}

async function requireActor(
  { doorkeeper }: FrontDeps,
  { req, requestId }: Exchange,
  budget?: 'applied',
): Promise<Actor> {
  const actor = await doorkeeper.admit(req, req.headers.authorization, { requestId, budget });
  if (actor === null) throw new ProblemError(unauthenticated());
  return actor;
}

function requireRead(actor: Actor): void {
  if (readsSomething(actor)) return;
  throw new ProblemError(forbidden('this credential lacks the scope "channels:read"'));
}

/** The figures are of the whole node, whoever's requests they count: no matter of one workspace among others, nor of a service. */
function requireFigures({ homeWorkspaceId }: FrontDeps, actor: Actor): void {
  if (can(actor, 'workspaces:manage')) return;
  if (actor.workspaceId === homeWorkspaceId && mayReadAll(actor)) return;
  throw new ProblemError(
    forbidden(
      'the figures of a node are for operators, and for keys of the default workspace with registry:read',
    ),
  );
}

function fail(log: Log, requestId: string, res: ServerResponse, error: unknown): void {
  if (error instanceof ProblemError) return sendProblem(res, error.problem);
  if (isUnavailable(error)) {
    log.warn({ err: error, requestId }, 'the database did not answer a read');
    return sendProblem(res, unavailable());
  }
  if (!res.destroyed) log.error({ err: error, requestId }, 'unexpected error in a request');
  sendProblem(res, unexpected({ requestId }));
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

function routeOf(path: string): Route {
  if (path.startsWith(DELIVERY_PATH)) return 'delivery';
  if (path.startsWith(CHANNELS_PATH)) return channelRouteOf(path);
  if (path === AUDIT_EXPORT_PATH) return 'audit';
  if (path === GRAPHQL_PATH) return 'graphql';
  if (path.startsWith(GRAPHIQL_ASSETS_PATH)) return 'graphiql';
  if (path === '/livez' || path === '/readyz' || path === '/metrics') return path.slice(1) as Route;
  return 'unknown';
}

function channelRouteOf(path: string): Route {
  if (path.endsWith(APPLIED_SUFFIX)) return 'applied';
  return path.includes('/', CHANNELS_PATH.length) ? 'events' : 'channel';
}

function hasBody({ method }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** A browser that opens the address; programs ask for JSON or event streams. */
function wantsPage({ method, headers, url = '' }: IncomingMessage): boolean {
  const asksForHtml = headers.accept?.includes('text/html') === true;
  return (method === 'GET' || method === 'HEAD') && asksForHtml && !url.includes('query=');
}
