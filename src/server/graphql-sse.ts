import type { IncomingMessage, ServerResponse } from 'node:http';
import Negotiator from 'negotiator';
import { OperationTypeNode } from 'graphql';
import type { GraphQLFormattedError } from 'graphql';
import type { Actor } from '../domain/actor.ts';
import type { Hub } from '../realtime/hub.ts';
import type { Documents } from './documents.ts';
import { operationOf, paramsOf } from './operation-params.ts';
import type { Operations } from './operations.ts';
import { overloaded, ProblemError, tooManyStreams, unauthenticated } from './problem.ts';
import { eventForm, SseConnection } from './sse-connection.ts';
import type { EventForm, SseTimes } from './sse-connection.ts';
import type { Streams } from './streams.ts';
import type { Subscribe } from './subscribe.ts';

export interface SseDeps {
  readonly hub: Hub;
  readonly streams: Streams;
  readonly times: SseTimes;
}

export interface GraphqlSseDeps extends SseDeps {
  readonly documents: Documents;
  readonly operations: Operations;
  readonly subscribe: Subscribe;
}

interface SseRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly actor: Actor;
  readonly requestId: string;
  readonly body: Buffer;
}

/**
 * GraphQL over server-sent events, distinct connections mode: a subscription whose client accepts `text/event-stream`.
 * @returns false when the request is something else, which Yoga answers. @throws ProblemError when no further stream is taken
 */
export async function subscribeBySse(deps: GraphqlSseDeps, request: SseRequest): Promise<boolean> {
  const { req, res, actor, requestId } = request;
  if (!acceptsEventStream(req)) return false;
  const params = paramsOf(req, request.body);
  const wanted = params && operationOf(deps.documents, actor.workspaceId, params);
  const operation = wanted === null ? [] : deps.operations.prepare(wanted);
  if ('length' in operation || operation.definition.operation !== OperationTypeNode.SUBSCRIPTION)
    return false;
  const prepared = await deps.subscribe.prepare(operation, { actor, requestId, transport: 'SSE' });
  if ('errors' in prepared) {
    sendErrors(res, prepared.errors?.map((error) => error.toJSON()) ?? []);
    return true;
  }
  openSse(deps, { req, res, actor, form: NEXT_EVENT }, (sink) => deps.hub.join({ ...prepared, sink }));
  return true;
}

/** By name: who accepts anything at all wants an answer, not a stream. */
function acceptsEventStream(req: IncomingMessage): boolean {
  if (req.headers.accept?.includes('text/event-stream') !== true) return false;
  return new Negotiator(req).mediaType(['text/event-stream']) !== undefined;
}

/** Joins the stream to the hub and opens it. @throws ProblemError 401, 429, 503; Unavailable */
export function openSse(
  { streams, times }: SseDeps,
  { req, res, actor, form }: Pick<SseRequest, 'req' | 'res' | 'actor'> & { readonly form: EventForm },
  join: (sink: SseConnection['sink']) => () => void,
): void {
  // Gone while the stream was being prepared: its end was announced already.
  if (res.destroyed) return;
  if (streams.refusal() !== null) throw new ProblemError(overloaded());
  if (!streams.accepts(actor)) throw new ProblemError(unauthenticated());
  const release = streams.subscribe(actor);
  if (release === null) throw new ProblemError(tooManyStreams());
  const connection = new SseConnection(req, res, { actor, times, form });
  try {
    const leave = join(connection.sink);
    const remove = streams.add(connection);
    res.once('close', () => {
      leave();
      remove();
      release();
    });
  } catch (error) {
    release();
    throw error;
  }
  connection.open();
}

const NEXT = Buffer.from('event: next\ndata: ');
const END = Buffer.from('\n\n');
const NEXT_EVENT = eventForm({ isShared: true, wrap: (bytes) => Buffer.concat([NEXT, bytes, END]) });

/** As the protocol says: the errors are the one result, then the operation is complete. */
function sendErrors(res: ServerResponse, errors: readonly GraphQLFormattedError[]): void {
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
  res.end(`event: next\ndata: ${JSON.stringify({ errors })}\n\nevent: complete\ndata:\n\n`);
}
