import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Actor } from '../domain/actor.ts';
import { networkOf } from './client-address.ts';
import type { ClientAddress } from './client-address.ts';
import type { Doorkeeper } from './doorkeeper.ts';
import { GRAPHQL_PATH } from './paths.ts';
import { forbidden, notFound, overloaded, problemAnswer, unauthenticated } from './problem.ts';
import type { Problem } from './problem.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import type { Streams } from './streams.ts';
import type { WaitingRoom } from './waiting-room.ts';

export interface AdmissionDeps {
  readonly doorkeeper: Doorkeeper;
  readonly streams: Streams;
  readonly corsOrigins: readonly string[];
  readonly waitingRoom: WaitingRoom;
  readonly clientAddress: ClientAddress;
}

/** Who opens a WebSocket, null until it says so in connection_init, and what to do when it has, or is gone; or why it may not. */
export type Admission =
  | { readonly actor: Actor | null; readonly onSignedIn: () => void }
  | { readonly refused: Problem };

/**
 * Judges a request for a WebSocket, before the protocol is switched. Rejects when it must ask the database and cannot.
 * @throws ProblemError 429
 */
export async function admitWebSocket(
  { doorkeeper, streams, corsOrigins, waitingRoom, clientAddress }: AdmissionDeps,
  req: IncomingMessage,
): Promise<Admission> {
  doorkeeper.count(req);
  const [path] = (req.url ?? '').split('?', 1);
  if (path !== GRAPHQL_PATH) return { refused: notFound(`WebSockets are taken at ${GRAPHQL_PATH}`) };
  if (!isOriginAllowed(req, corsOrigins)) return { refused: forbidden('this origin may not open sockets') };
  if (streams.refusal() !== null) return { refused: overloaded() };
  const { authorization } = req.headers;
  // Browsers cannot set headers on a WebSocket: they say who they are in connection_init.
  const actor = await doorkeeper.admit(req, authorization, { requestId: randomUUID() });
  // Asked again: the node may have begun to drain meanwhile, the key may have been revoked.
  if (streams.refusal() !== null) return { refused: overloaded() };
  const isWrong = authorization !== undefined && (actor === null || !streams.accepts(actor));
  if (isWrong) return { refused: unauthenticated() };
  const leave = actor === null ? waitingRoom.enter(networkOf(clientAddress(req))) : nobodyWaits;
  return leave === null ? { refused: overloaded() } : { actor, onSignedIn: leave };
}

function nobodyWaits(): void {
  // It has said who it is.
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
  const lines = [...SECURITY_HEADERS, ...Object.entries({ ...headers, connection: 'close' })].map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}
