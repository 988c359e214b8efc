import type { IncomingMessage } from 'node:http';
import { isUnavailable } from '../db/database-errors.ts';
import type { Actor } from '../domain/actor.ts';
import { can } from '../domain/actor.ts';
import { mayReadAll } from '../domain/actor-reading.ts';
import type { FeedStatus } from '../realtime/feed.ts';
import { takeApplied } from './applied-door.ts';
import type { AppliedDoorDeps } from './applied-door.ts';
import { andThen } from './at-once.ts';
import type { AuditExport } from './audit-export.ts';
import { onBody, readBody } from './body.ts';
import { answerOptions, corsHeaders, VARY_CORS } from './cors.ts';
import { requireDeliveryMethod } from './delivery.ts';
import type { Delivery } from './delivery.ts';
import type { Doorkeeper } from './doorkeeper.ts';
import type { ChannelAnswer } from './channel-answer.ts';
import { streamEvents } from './event-stream.ts';
import type { EventStreamDeps } from './event-stream.ts';
import { setOpening } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import type { Graphiql } from './graphiql.ts';
import { answerGraphql } from './graphql-door.ts';
import type { GraphqlDoorDeps } from './graphql-door.ts';
import { sendLiveness, sendReadiness } from './health.ts';
import { createLastSaid } from './last-said.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { hasMinCursor, reachMinCursor } from './min-cursor.ts';
import type { Reach } from './min-cursor.ts';
import { DELIVERY_PATH, GRAPHQL_PATH } from './paths.ts';
import type { PreparedResponse } from './prepared-response.ts';
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
import { createRequestIds } from './request-ids.ts';
import { CORS_ROUTES, pathOf, routeOf, takeAddressOff, UNCOUNTED_ROUTES } from './route.ts';
import { standingOf } from './standing.ts';

export interface FrontDeps extends AppliedDoorDeps, GraphqlDoorDeps {
  readonly doorkeeper: Doorkeeper;
  readonly delivery: Delivery;
  readonly sse: GraphqlDoorDeps['sse'] & EventStreamDeps;
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
const NONE: readonly string[] = [];
/** Of a client that left before it was answered, as proxies write it; no answer has it. */
const LEFT_STATUS = 499;
const NOTHING = Buffer.alloc(0);
/** Whoever comes again comes to a node that stays. */
const LAST = ['connection', 'close'];

/**
 * Every HTTP request comes in here: routing, CORS, authentication, body limits, errors, metrics. What memory answers is answered at once,
 * without a promise: counted, let in, found, sent, in the turn in which it came.
 */
export function createFront(deps: FrontDeps): (req: IncomingMessage, res: PreparedResponse) => void {
  const nextRequestId = createRequestIds();
  const saidOn = createLastSaid();
  return (req, res) => {
    const exchange = begin(deps, { req, res, requestId: nextRequestId(), said: saidOn(req.socket) });
    step(deps, exchange, () => handle(deps, exchange));
    // What the client's side of the connection has taken already ends here; what has not is as long under way as its client takes it.
    if (res.writableFinished) ended(deps, exchange);
    else res.on('close', () => ended(deps, exchange));
  };
}

/** What goes wrong in it, at once or later, is told to the client. */
function step(deps: FrontDeps, exchange: Exchange, take: () => Promise<void> | void): void {
  try {
    take()?.catch((error: unknown) => fail(deps.log, exchange, error));
  } catch (error) {
    fail(deps.log, exchange, error);
  }
}

type Beginning = Pick<Exchange, 'req' | 'res' | 'requestId' | 'said'>;

function begin(deps: FrontDeps, { req, res, requestId, said }: Beginning): Exchange {
  const atMs = performance.now();
  takeAddressOff(req);
  const path = pathOf(req);
  const route = routeOf(path);
  const { corsOrigins } = deps;
  const hasCors = corsOrigins.length > 0 && CORS_ROUTES.has(route);
  const cors = hasCors ? corsHeaders(req, corsOrigins) : NONE;
  return {
    req,
    res,
    path,
    route,
    requestId,
    said,
    atMs,
    own: deps.isDraining() ? [...LAST, ...cors] : cors,
    vary: hasCors ? VARY_CORS : null,
  };
}

/** Answered or cut off. */
function ended({ metrics, log }: FrontDeps, exchange: Exchange): void {
  const { req, res, path, route, requestId, atMs } = exchange;
  const seconds = (performance.now() - atMs) / 1_000;
  const status = res.headersSent ? res.statusCode : LEFT_STATUS;
  metrics.requests.observe(route, status, seconds);
  if (!log.isLevelEnabled('debug')) return;
  log.debug({ requestId, method: req.method, path, status, seconds }, 'request');
}

/** @returns undefined: answered. @throws what `fail` tells the client, at once or later */
function handle(deps: FrontDeps, exchange: Exchange): Promise<void> | undefined {
  const { req, route } = exchange;
  if (req.method === 'OPTIONS' && CORS_ROUTES.has(route)) return handleOptions(deps, exchange);
  if (!UNCOUNTED_ROUTES.has(route)) deps.doorkeeper.count(req, exchange.atMs);
  if (route === 'delivery') return handleDelivery(deps, exchange) ?? undefined;
  if (route === 'graphql') return handleGraphql(deps, exchange) ?? undefined;
  setOpening(exchange);
  return handleOther(deps, exchange);
}

function handleOptions({ corsOrigins }: FrontDeps, exchange: Exchange): undefined {
  setOpening(exchange);
  answerOptions(exchange.req, exchange.res, corsOrigins);
}

async function handleOther(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req, res, path, route } = exchange;
  switch (route) {
    case 'livez':
      return sendLiveness(res);
    case 'readyz':
      return sendReadiness(res, { draining: deps.isDraining(), feed: deps.feedStatus() });
    case 'graphiql':
      if (deps.graphiql?.asset(req, res, path)) return;
      throw new ProblemError(notFound('there is no such file'));
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
    default:
      throw new ProblemError(
        notFound(`there is nothing here: try ${GRAPHQL_PATH} or ${DELIVERY_PATH}{slug}`),
      );
  }
}

function handleGraphql(deps: FrontDeps, exchange: Exchange): void | Promise<void> {
  const { req, res } = exchange;
  if (deps.graphiql !== null && wantsPage(req)) {
    setOpening(exchange);
    return deps.graphiql.page(req, res);
  }
  return andThen(requireActor(deps, exchange), (actor) => {
    if (!hasBody(req)) return answerGraphql(deps, exchange, { actor, body: NOTHING });
    const answer = (body: Buffer) =>
      step(deps, exchange, () => answerGraphql(deps, exchange, { actor, body }));
    return onBody(req, standingOf(actor).bodyBytesMax, answer, (error) => fail(deps.log, exchange, error));
  });
}

function handleDelivery(deps: FrontDeps, exchange: Exchange): void | Promise<void> {
  const { req } = exchange;
  if (hasMinCursor(req) || hasBody(req)) return handleSlowDelivery(deps, exchange);
  return andThen(requireActor(deps, exchange), (actor) => {
    requireRead(actor);
    return deps.delivery.read(actor, exchange);
  });
}

/** What must be waited for before anything can be answered: how far this node is, or a body. */
async function handleSlowDelivery(deps: FrontDeps, exchange: Exchange): Promise<void> {
  const { req } = exchange;
  const actor = await requireActor(deps, exchange);
  requireRead(actor);
  if (hasMinCursor(req)) await reachMinCursor(deps.reach, actor, req);
  requireDeliveryMethod(exchange);
  if (!hasBody(req)) return deps.delivery.read(actor, exchange);
  return deps.delivery.render(actor, exchange, await readBody(req, standingOf(actor).bodyBytesMax));
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
  const text = await deps.metrics.text();
  res.writeHead(200, { 'content-type': deps.metrics.contentType });
  res.end(text);
}

function requireActor(
  { doorkeeper }: FrontDeps,
  { req, requestId, said, atMs }: Exchange,
  budget?: 'applied',
): Actor | Promise<Actor> {
  const { authorization } = req.headers;
  const credential = authorization === undefined ? undefined : said.authorization(authorization);
  return andThen(
    doorkeeper.admit(req, credential, { requestId, budget, atMs }),
    (actor) => actor ?? refuseStranger(),
  );
}

function refuseStranger(): never {
  throw new ProblemError(unauthenticated());
}

function requireRead(actor: Actor): void {
  if (standingOf(actor).readsSomething) return;
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

function fail(log: Log, exchange: Exchange, error: unknown): void {
  const { res, requestId } = exchange;
  // Its client has left, which is most likely what went wrong.
  if (res.destroyed) return;
  if (!res.headersSent) setOpening(exchange);
  if (error instanceof ProblemError) return sendProblem(res, error.problem);
  if (isUnavailable(error)) {
    log.warn({ err: error, requestId }, 'the database did not answer a read');
    return sendProblem(res, unavailable());
  }
  log.error({ err: error, requestId }, 'unexpected error in a request');
  sendProblem(res, unexpected({ requestId }));
}

function hasBody({ method }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** A browser that opens the address; programs ask for JSON or event streams. */
function wantsPage({ method, headers, url = '' }: IncomingMessage): boolean {
  const asksForHtml = headers.accept?.includes('text/html') === true;
  return (method === 'GET' || method === 'HEAD') && asksForHtml && !url.includes('query=');
}
