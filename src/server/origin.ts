import type { IncomingMessage } from 'node:http';
import type { Actor } from '../domain/actor.ts';
import type { ClientAddress } from './client-address.ts';

const USER_AGENT_LENGTH_MAX = 300;

/** The actor of one request, with where the request came from: what it changes is recorded with that. */
export type WithOrigin = (
  actor: Actor,
  req: Pick<IncomingMessage, 'headers' | 'socket'>,
  requestId: string,
) => Actor;

export function createWithOrigin(clientAddress: ClientAddress): WithOrigin {
  return (actor, req, requestId) => {
    const userAgent = req.headers['user-agent']?.slice(0, USER_AGENT_LENGTH_MAX) ?? null;
    return { ...actor, origin: { sourceAddress: clientAddress(req), userAgent, requestId } };
  };
}
