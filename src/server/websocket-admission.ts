import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Actor } from '../domain/actor.ts';
import type { Authenticator } from './authenticator.ts';
import { callerOf } from './caller.ts';
import { GRAPHQL_PATH } from './paths.ts';
import { forbidden, notFound, overloaded, problemAnswer, unauthenticated } from './problem.ts';
import type { Problem } from './problem.ts';
import type { Streams } from './streams.ts';

export interface AdmissionDeps {
  readonly authenticator: Authenticator;
  readonly streams: Streams;
  readonly corsOrigins: readonly string[];
}

/** Who opens a WebSocket: null until it says so in connection_init; or why it may not. */
export type Admission = { readonly actor: Actor | null } | { readonly refused: Problem };

/** Judges a request for a WebSocket, before the protocol is switched. Rejects when it must ask the database and cannot. */
export async function admitWebSocket(
  { authenticator, streams, corsOrigins }: AdmissionDeps,
  req: IncomingMessage,
): Promise<Admission> {
  const [path] = (req.url ?? '').split('?', 1);
  if (path !== GRAPHQL_PATH) return { refused: notFound(`WebSockets are taken at ${GRAPHQL_PATH}`) };
  if (!isOriginAllowed(req, corsOrigins)) return { refused: forbidden('this origin may not open sockets') };
  if (streams.refusal() !== null) return { refused: overloaded() };
  const { authorization } = req.headers;
  // Browsers cannot set headers on a WebSocket: they say who they are in connection_init.
  const actor =
    authorization === undefined
      ? null
      : await authenticator.authenticate(authorization, callerOf(req, randomUUID()));
  // Asked again: the node may have begun to drain meanwhile, the key may have been revoked.
  if (streams.refusal() !== null) return { refused: overloaded() };
  const isWrong = authorization !== undefined && (actor === null || !streams.accepts(actor));
  return isWrong ? { refused: unauthenticated() } : { actor };
}

/** Programs send no origin; a page may open sockets where it came from, or where the operator says so. */
function isOriginAllowed({ headers }: IncomingMessage, corsOrigins: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || corsOrigins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** Answers a request for a WebSocket as HTTP does, and lets go of the connection: nobody else looks after it any more. */
export function refuseWebSocket(socket: Duplex, problem: Problem): void {
  const { headers, body } = problemAnswer(problem);
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}
