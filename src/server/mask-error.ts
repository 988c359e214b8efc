import { GraphQLError } from 'graphql';
import { isUnavailable } from '../db/database-errors.ts';
import { Refusal, Unavailable } from '../domain/errors.ts';
import type { Log } from './log.ts';

/** graphql quotes the offending value in full. */
export const MESSAGE_SHOWN_MAX = 2_000;

/** Refusals and what a client did wrong pass; everything unexpected carries a request id and nothing else. */
export function maskError(error: unknown, log: Log, requestId: string): GraphQLError {
  if (!(error instanceof GraphQLError)) return surprise(error, log, requestId);
  const cause: unknown = error.originalError ?? null;
  if (cause === null || cause instanceof GraphQLError) return coded(error);
  if (cause instanceof Refusal) return withCode(error, cause);
  if (isUnavailable(cause)) {
    log.warn({ err: cause, requestId, path: error.path }, 'the database did not answer a read');
    return withCode(error, new Unavailable('the database is not available: try again'));
  }
  return surprise(cause, log, requestId, error);
}

/** graphql gives its errors about variables and operation names no code; what has none at this point is the client's. */
function coded(error: GraphQLError): GraphQLError {
  const { extensions, message } = error;
  if (extensions['originalError'] !== undefined) return malformed(error);
  return extensions['code'] === undefined
    ? replaced(error, message.slice(0, MESSAGE_SHOWN_MAX), { ...extensions, code: 'INVALID_INPUT' })
    : error;
}

/**
 * Yoga shows what its JSON parser threw, in words that are V8's and quote the body. By this member it also tells a body that
 * is no JSON, always 400, from a refusal that is 200 for clients that accept application/json: hence the plain status.
 */
function malformed({ message, extensions: { code } }: GraphQLError): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: 400 } } });
}

function withCode(error: GraphQLError, refusal: Refusal): GraphQLError {
  const field = 'field' in refusal ? { field: refusal.field } : {};
  return replaced(error, refusal.message, { code: refusal.code, ...field });
}

function surprise(cause: unknown, log: Log, requestId: string, error?: GraphQLError): GraphQLError {
  log.error({ err: cause, requestId, path: error?.path }, 'unexpected error in a resolver');
  const message = 'Unexpected error: the server log holds the details under this request id';
  return replaced(error, message, { code: 'INTERNAL_SERVER_ERROR', requestId });
}

/** Another error at the same place in the document and the answer. */
function replaced(
  error: GraphQLError | undefined,
  message: string,
  extensions: Record<string, unknown>,
): GraphQLError {
  return new GraphQLError(message, { nodes: error?.nodes ?? null, path: error?.path ?? null, extensions });
}
