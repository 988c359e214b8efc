import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import type { ExecutionArgs, ExecutionResult, GraphQLSchema } from 'graphql';
import { makeServer } from 'graphql-ws';
import type { Context as WsContext, Server, SubscribePayload } from 'graphql-ws';
import type { Actor } from '../domain/actor.ts';
import type { Hub } from '../realtime/hub.ts';
import { executeInTime } from './deadline.ts';
import type { DoorTimes } from './door-times.ts';
import type { Documents } from './documents.ts';
import type { Doorkeeper } from './doorkeeper.ts';
import { HeldOpen } from './held-open.ts';
import type { Log } from './log.ts';
import { maskError } from './mask-error.ts';
import type { Operation, Operations } from './operations.ts';
import { recordWrites, withCursor } from './own-writes.ts';
import type { NewApp } from './own-writes.ts';
import type { ContextFactory } from './request-context.ts';
import { STREAM_LIMITS } from './streams.ts';
import type { Streams, StreamTimes } from './streams.ts';
import type { PreparedFollower, Subscribe } from './subscribe.ts';
import type { OpenOperation, WebSocketConnection } from './websocket-connection.ts';

export interface WebSocketDeps {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  readonly documents: Documents;
  readonly subscribe: Subscribe;
  readonly hub: Hub;
  readonly streams: Streams;
  readonly doorkeeper: Doorkeeper;
  readonly contextOf: ContextFactory;
  readonly newApp: NewApp;
  readonly times: StreamTimes & DoorTimes;
  readonly log: Log;
}

/** What belongs to one operation of one connection. */
interface Prepared {
  readonly operation: Operation;
  readonly operationId: string;
  /** Tells it from another operation of its id. */
  readonly token: OpenOperation;
  readonly connection: WebSocketConnection;
  readonly actor: Actor;
  readonly requestId: string;
}

/**
 * What graphql-ws hands from `onSubscribe` to the execution. It keeps it for as long as a subscription lives, which needs none of it: so what
 * it keeps is next to nothing.
 */
class HandedArgs implements ExecutionArgs {
  readonly schema: GraphQLSchema;
  readonly document: ExecutionArgs['document'];
  readonly operationName: string | null;
  #prepared: Prepared | null;

  constructor(schema: GraphQLSchema, prepared: Prepared) {
    const { document, operationName } = prepared.operation;
    this.schema = schema;
    this.document = document;
    this.operationName = operationName;
    this.#prepared = prepared;
  }

  static take(args: ExecutionArgs): Prepared {
    const prepared = args instanceof HandedArgs ? args.#prepared : null;
    if (prepared === null || !(args instanceof HandedArgs))
      throw new Error('this operation was not prepared');
    args.#prepared = null;
    return prepared;
  }
}

type Ctx = WsContext<Record<string, unknown>, { connection: WebSocketConnection }>;

/** GraphQL over WebSocket: the protocol is graphql-ws', the frames of subscriptions are the hub's. */
export function createWebSocketOperations(deps: WebSocketDeps): Server<{ connection: WebSocketConnection }> {
  return makeServer<Record<string, unknown>, { connection: WebSocketConnection }>({
    connectionInitWaitTimeout: deps.times.connectionInitMs,
    onConnect: async (ctx) => {
      const isWelcome = await authenticate(deps, ctx);
      ctx.extra.connection.introduced();
      return isWelcome;
    },
    onSubscribe: (ctx, id, payload) => prepare(deps, ctx, id, payload),
    execute: (args) => unlessReplaced(HandedArgs.take(args), (prepared) => answer(deps, prepared)),
    subscribe: (args) => unlessReplaced(HandedArgs.take(args), (prepared) => follow(deps, prepared)),
  });
}

/** @returns false: closed with 4403. @throws ProblemError 429: closed with 4429 */
async function authenticate(
  { doorkeeper, streams }: WebSocketDeps,
  { connectionParams, extra }: Ctx,
): Promise<boolean> {
  const { connection } = extra;
  const { authorization = connection.authorization, workspace = connection.workspace } =
    connectionParams ?? {};
  if (typeof authorization !== 'string') return false;
  if (workspace !== undefined && typeof workspace !== 'string') return false;
  const isKnown = authorization === connection.authorization && workspace === connection.workspace;
  if (connection.actor !== null && isKnown) return true;
  const actor = await doorkeeper.admit(connection.request, authorization, {
    requestId: randomUUID(),
    workspace,
  });
  // Revoked while it was being checked.
  if (actor === null || !streams.accepts(actor)) return false;
  connection.signIn(actor, { authorization, workspace });
  streams.signedIn(connection);
  return true;
}

async function prepare(
  { schema, operations, documents, doorkeeper }: WebSocketDeps,
  { extra: { connection }, subscriptions }: Ctx,
  operationId: string,
  payload: SubscribePayload,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  const { actor } = connection;
  if (actor === null) throw new Error('graphql-ws lets nobody subscribe who is not acknowledged');
  if (Object.keys(subscriptions).length > STREAM_LIMITS.subscriptionsOfConnection) {
    connection.close('TOO_MANY_SUBSCRIPTIONS');
    return [new GraphQLError('too many subscriptions on this connection')];
  }
  const retryAfter = doorkeeper.operation(actor);
  if (retryAfter > 0) return [rateLimitedError(retryAfter)];
  const query = textOf(documents, actor.workspaceId, payload);
  if (query instanceof GraphQLError) return [query];
  const { operationName, variables } = payload;
  const params = { query, operationName: operationName ?? null, variables: variables ?? {} };
  const operation = operations.prepare(params);
  if ('length' in operation) return operation;
  const variableErrors = operations.variableErrors(operation);
  if (variableErrors.length > 0) return variableErrors;
  // graphql-ws keeps the message as well.
  Object.assign(payload, { query: '', variables: null });
  const token = connection.begin(operationId);
  return new HandedArgs(schema, {
    operation,
    operationId,
    token,
    connection,
    actor,
    requestId: randomUUID(),
  });
}

/** The text, whichever way it is named; the protocol has no empty place for it, so that an empty one stands for none. */
function textOf(documents: Documents, workspaceId: string, payload: SubscribePayload): string | GraphQLError {
  try {
    return documents.textOf(workspaceId, payload) ?? payload.query;
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const { http: _, ...extensions } = error.extensions;
    return new GraphQLError(error.message, { extensions });
  }
}

/** Of one operation: the others of the connection go on, and the next may be within the limit again. */
function rateLimitedError(retryAfter: number): GraphQLError {
  return new GraphQLError(`too many requests of this key: try again in ${retryAfter} s`, {
    extensions: { code: 'RATE_LIMITED', retryAfter },
  });
}

/**
 * A client may complete an operation that is under way and use its id again. Whatever comes of the first one then is nobody's: graphql-ws, which
 * tells operations apart by their ids alone, would give it to the second one, and end that. So it never hears of it.
 */
async function unlessReplaced<T>(prepared: Prepared, run: (prepared: Prepared) => Promise<T>): Promise<T> {
  const result = await run(prepared);
  const { connection, operationId, token } = prepared;
  if (!connection.isReplaced(operationId, token)) return result;
  token.abandon?.();
  return new Promise<never>(() => undefined);
}

async function answer(
  { schema, doorkeeper, contextOf, newApp, log, times }: WebSocketDeps,
  { operation, connection, operationId, token, actor: admitted, requestId }: Prepared,
): Promise<ExecutionResult> {
  try {
    const writes = recordWrites(newApp);
    const isGone = () => !connection.isOpen;
    const actor = doorkeeper.withOrigin(admitted, connection.visit, requestId);
    const contextValue = contextOf({ actor, requestId, app: writes.app, isGone });
    const { document, operationName, variables: variableValues } = operation;
    const executed = await connection.answer(() =>
      executeInTime({ schema, document, operationName, variableValues, contextValue }, times.operationMs),
    );
    const result = withCursor(executed, writes);
    if (result.errors === undefined) return result;
    return { ...result, errors: result.errors.map((error) => maskError(error, log, requestId)) };
  } finally {
    connection.end(operationId, token);
  }
}

/** Joins the hub; graphql-ws holds the generator for as long as the subscription lives, and nothing ever comes out of it. */
async function follow(
  deps: WebSocketDeps,
  { operation, operationId, token, connection, actor, requestId }: Prepared,
): Promise<ExecutionResult | AsyncGenerator<ExecutionResult, void, void>> {
  try {
    const prepared = await deps.subscribe.prepare(operation, { actor, requestId, transport: 'WEBSOCKET' });
    if ('errors' in prepared) {
      connection.end(operationId, token);
      return { errors: prepared.errors ?? [] };
    }
    connection.follow(operationId, token, () => join(deps, connection, operationId, prepared));
    return held(connection, operationId);
  } catch (error) {
    connection.end(operationId, token);
    return { errors: [maskError(error, deps.log, requestId)] };
  }
}

// Each by itself: a function keeps whatever any function beside it uses, and what these return lives as long as the subscription.

function join(
  { hub, streams }: WebSocketDeps,
  connection: WebSocketConnection,
  operationId: string,
  prepared: PreparedFollower,
): () => void {
  const leave = hub.join({ ...prepared, sink: connection.sink(operationId) });
  const release = streams.subscribe(prepared.actor);
  if (release === null) connection.close('TOO_MANY_SUBSCRIPTIONS');
  return () => {
    leave();
    release?.();
  };
}

function held(connection: WebSocketConnection, operationId: string): HeldOpen<ExecutionResult> {
  return new HeldOpen(() => connection.end(operationId));
}
