import type { IncomingMessage } from 'node:http';
import type { Actor } from '../domain/actor.ts';

const USER_AGENT_LENGTH_MAX = 300;

/**
 * The actor of one request, with where the request came from: what it changes is recorded with that.
 * @param clientAddress who sent it; absent: whoever is connected, be it a proxy
 */
export function withOrigin(
  actor: Actor,
  req: IncomingMessage,
  requestId: string,
  clientAddress: (req: IncomingMessage) => string | null = peerAddress,
): Actor {
  const userAgent = req.headers['user-agent']?.slice(0, USER_AGENT_LENGTH_MAX) ?? null;
  return { ...actor, origin: { sourceAddress: clientAddress(req), userAgent, requestId } };
}

function peerAddress({ socket: { remoteAddress } }: IncomingMessage): string | null {
  return remoteAddress ?? null;
}
