import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { getOperationAST, GraphQLError } from 'graphql';
import type { DocumentNode, ExecutionArgs, GraphQLSchema } from 'graphql';
import { createYoga, isAsyncIterable } from 'graphql-yoga';
import type { Plugin } from 'graphql-yoga';
import type { Actor } from '../domain/actor.ts';
import type { Context } from '../schema/context.ts';
import { executeInTime } from './deadline.ts';
import { withoutSuggestion } from './document-rules.ts';
import type { DocumentRules } from './document-rules.ts';
import type { Documents } from './documents.ts';
import type { Log } from './log.ts';
import { namedDocuments } from './named-documents.ts';
import { maskError } from './mask-error.ts';
import { waitForMinCursor } from './min-cursor.ts';
import type { Reach } from './min-cursor.ts';
import type { Operations } from './operations.ts';
import { answerWithCursor, recordWrites } from './own-writes.ts';
import type { NewApp, OwnWrites } from './own-writes.ts';
import { GRAPHQL_PATH } from './paths.ts';
import { badRequest, ProblemError, unsupportedMediaType } from './problem.ts';
import type { ContextFactory } from './request-context.ts';

/** None that a form can send: a browser asks first before a page of another origin may send these. */
const MEDIA_TYPES = ['application/json', 'application/graphql+json', 'application/graphql'];

interface RequestContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly actor: Actor;
  readonly requestId: string;
  readonly writes: OwnWrites;
}

interface GraphqlDeps {
  readonly schema: GraphQLSchema;
  readonly rules: DocumentRules;
  readonly operations: Operations;
  readonly documents: Documents;
  readonly operationMs: number;
  readonly contextOf: ContextFactory;
  readonly newApp: NewApp;
  /** How a request with a minimal cursor waits for this node. */
  readonly reach: Reach;
  readonly log: Log;
}

export type GraphqlHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  request: { readonly actor: Actor; readonly requestId: string; readonly body: Buffer },
) => Promise<void>;

/** GraphQL over HTTP for a request that is authenticated and whose body was read and counted. */
export function createGraphqlHandler(deps: GraphqlDeps): GraphqlHandler {
  const { schema, documents, contextOf, newApp, reach, log } = deps;
  const yoga = createYoga<RequestContext, Context>({
    schema,
    context: ({ res, actor, requestId, writes }) =>
      contextOf({ actor, requestId, app: writes.app, isGone: () => res.destroyed }),
    graphqlEndpoint: GRAPHQL_PATH,
    graphiql: false,
    landingPage: false,
    batching: false,
    multipart: false,
    cors: false,
    logging: false,
    // The front counts bytes; Yoga's own limit would stream every body through a transform (2.6 times slower).
    maxRequestBodySize: false,
    // The cache of documents is of all doors.
    parserAndValidationCache: false,
    extraParamNames: ['documentId'],
    // What resolvers throw is masked with the id of its request; whatever else goes wrong inside Yoga, with one of its own.
    maskedErrors: { maskError: (error) => maskError(error, log, randomUUID()) },
    plugins: [
      namedDocuments(documents),
      limits(deps),
      masking(deps),
      waitForMinCursor(reach),
      answerWithCursor(),
    ],
  });
  return async (req, res, request) => {
    // Decoding would put U+FFFD in the place of every wrong byte and go on with a text that nobody sent.
    if (!isUtf8(request.body)) throw new ProblemError(badRequest('the body is not valid UTF-8'));
    requireParameters(req);
    // Media types are case-insensitive; Yoga compares them as they are.
    req.headers['content-type'] &&= req.headers['content-type'].toLowerCase();
    requireMediaType(req);
    Object.assign(req, { body: request.body });
    const { actor, requestId } = request;
    await yoga(req, res, { req, res, actor, requestId, writes: recordWrites(newApp) });
  };
}

/** What Yoga reads a request from; to anything else it answers 415 without a word. @throws ProblemError 415 */
function requireMediaType({ method, headers }: IncomingMessage): void {
  const [type = ''] = (headers['content-type'] ?? '').split(/[;,]/, 1);
  if (method === 'POST' && !MEDIA_TYPES.includes(type)) throw new ProblemError(unsupportedMediaType());
}

/** Yoga parses these two of a GET's parameters without expecting a fault. @throws ProblemError 400 */
function requireParameters({ url = '' }: IncomingMessage): void {
  const from = url.indexOf('?');
  if (from === -1) return;
  const query = new URLSearchParams(url.slice(from + 1));
  for (const name of ['variables', 'extensions']) {
    const text = query.get(name);
    if (text === null || text === '') continue;
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && !Array.isArray(value)) continue;
    } catch {
      // Told below, with what would be right.
    }
    throw new ProblemError(badRequest(`the parameter "${name}" must be a JSON object`, { field: name }));
  }
}

function masking({ rules, log }: GraphqlDeps): Plugin<Context> {
  const tell = rules.hideSuggestions ? withoutSuggestion : (error: GraphQLError) => error;
  return {
    onExecute: ({ args }) => ({
      onExecuteDone: ({ result, setResult }) => {
        if (isAsyncIterable(result) || result.errors === undefined) return;
        const { requestId } = args.contextValue;
        setResult({
          ...result,
          errors: result.errors.map((error: GraphQLError) => maskError(tell(error), log, requestId)),
        });
      },
    }),
  };
}

type LimitedArgs = Pick<ExecutionArgs, 'document' | 'operationName' | 'variableValues'>;

/** Documents are parsed and held to their limits and graphql's rules before anything is executed, once for all doors. */
function limits({ rules, operations, operationMs }: GraphqlDeps): Plugin {
  return {
    onParse: ({ setParseFn }) => setParseFn((text: string) => documentOf(operations, text)),
    onValidate: ({ params: { documentAST }, setResult }) =>
      setResult(operations.errorsOf(documentAST as DocumentNode).map(copyOf)),
    onSubscribe: ({ setResultAndStopExecution }) => setResultAndStopExecution({ errors: [noStream()] }),
    // Not in validation, whose answer is kept by the document's text: what a page costs stands in the variables.
    onExecute: ({ args, setResultAndStopExecution, setExecuteFn }) => {
      setExecuteFn((all: ExecutionArgs) =>
        executeInTime({ ...all, hideSuggestions: rules.hideSuggestions }, operationMs),
      );
      const { document, operationName, variableValues } = args as LimitedArgs;
      const definition = getOperationAST(document, operationName);
      const error = definition && operations.requestError(document, definition, variableValues ?? {});
      if (error) setResultAndStopExecution({ errors: [error] });
    },
  };
}

/** @throws GraphQLError when it is no document */
function documentOf(operations: Operations, text: string): DocumentNode {
  const { document, errors } = operations.parse(text);
  if (document !== null) return document;
  throw errors.map(copyOf)[0] ?? new Error('what is no document is wrong with something');
}

/** Yoga writes the status of its answer into errors, and what is kept is answered elsewhere too. */
function copyOf({ message, nodes, source, positions, extensions }: GraphQLError): GraphQLError {
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    extensions: { ...extensions },
  });
}

/** Subscriptions by event stream are answered before Yoga; what comes here accepts something else. */
function noStream(): GraphQLError {
  return new GraphQLError(
    'subscriptions are answered as text/event-stream (send "Accept: text/event-stream") or over WebSocket (graphql-transport-ws)',
    { extensions: { code: 'NOT_ACCEPTABLE', http: { status: 406 } } },
  );
}
