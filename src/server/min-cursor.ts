import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Actor } from '../domain/actor.ts';
import { decodeFeedCursor } from '../domain/cursor.ts';
import { BadCursor, Refusal, Unavailable } from '../domain/errors.ts';
import { badRequest, ProblemError, unavailable } from './problem.ts';

/** Header of a request, and extension of a GraphQL request: nothing older than this cursor may be answered from. */
const MIN_CURSOR = 'X-PromptForge-Min-Cursor';
const MIN_CURSOR_HEADER = 'x-promptforge-min-cursor';
const WAIT_MAX_MS = 2_000;
const RETRY_AFTER = { 'retry-after': '1' };

/** Whether this node has applied everything up to the sequence, at once or within the time. */
export type Reach = (workspaceId: string, seq: bigint, timeoutMs: number) => Promise<boolean>;

export function hasMinCursor({ headers }: IncomingMessage): boolean {
  return headers[MIN_CURSOR_HEADER] !== undefined;
}

/** @throws ProblemError 400 for what is no cursor, 503 when this node does not get that far in time. */
export async function reachMinCursor(
  reach: Reach,
  actor: Actor,
  { headers }: IncomingMessage,
): Promise<void> {
  try {
    await requireReached(reach, actor, [headers[MIN_CURSOR_HEADER]]);
  } catch (error) {
    if (error instanceof BadCursor)
      throw new ProblemError({ ...badRequest(error.message), code: error.code });
    if (error instanceof Unavailable) throw new ProblemError({ ...unavailable(), detail: error.message });
    throw error;
  }
}

interface MinCursorContext {
  readonly req: IncomingMessage;
  readonly actor: Actor;
  readonly params: { readonly extensions?: Readonly<Record<string, unknown>> };
}

/** Queries and mutations wait before they are executed; a subscription resumes by its own argument. */
export function waitForMinCursor(reach: Reach): Plugin<MinCursorContext> {
  return {
    onExecute: ({ args, setResultAndStopExecution }) => {
      const { req, actor, params } = args.contextValue;
      const wanted = [req.headers[MIN_CURSOR_HEADER], params.extensions?.[MIN_CURSOR] ?? undefined];
      if (wanted.every((cursor) => cursor === undefined)) return undefined;
      return requireReached(reach, actor, wanted).catch((error: unknown) =>
        setResultAndStopExecution({ errors: [toGraphqlError(error)] }),
      );
    },
  };
}

/** @throws BadCursor; Unavailable */
async function requireReached(reach: Reach, actor: Actor, wanted: readonly unknown[]): Promise<void> {
  const seqs = wanted.flatMap((cursor) => (cursor === undefined ? [] : [seqOf(cursor)]));
  const seq = seqs.reduce((last, each) => (each > last ? each : last));
  if (await reach(actor.workspaceId, seq, WAIT_MAX_MS)) return;
  throw new Unavailable(`this node has not got as far as ${MIN_CURSOR} asks for: try again, or another node`);
}

function seqOf(cursor: unknown): bigint {
  if (typeof cursor !== 'string') throw new BadCursor(MIN_CURSOR, 'the feed');
  return decodeFeedCursor(MIN_CURSOR, cursor).seq;
}

/** Nothing was executed: `spec` has the status apply to answers of the media type that knows of it. */
function toGraphqlError(error: unknown): GraphQLError {
  if (!(error instanceof Refusal)) throw error;
  const http =
    error instanceof Unavailable
      ? { status: 503, headers: RETRY_AFTER, spec: true }
      : { status: 400, spec: true };
  return new GraphQLError(error.message, { extensions: { code: error.code, http } });
}
