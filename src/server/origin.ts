import type { IncomingMessage } from 'node:http';
import type { Actor } from '../domain/actor.ts';

const USER_AGENT_LENGTH_MAX = 300;

/** The actor of one request, with where the request came from: what it changes is recorded with that. */
export function withOrigin(actor: Actor, { socket, headers }: IncomingMessage, requestId: string): Actor {
  const userAgent = headers['user-agent']?.slice(0, USER_AGENT_LENGTH_MAX) ?? null;
  return { ...actor, origin: { sourceAddress: socket.remoteAddress ?? null, userAgent, requestId } };
}
