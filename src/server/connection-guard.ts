import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf, peerOf } from './client-address.ts';
import type { TrustsAddress } from './client-address.ts';
import type { DoorTimes } from './door-times.ts';
import { bytesTaken } from './keep-alive.ts';
import type { Log } from './log.ts';
import { sparsely } from './sparsely.ts';
import { STREAM_LIMITS } from './streams.ts';

/** TCP connections: room for all streams, and beside them for requests. */
const CONNECTIONS_MAX = STREAM_LIMITS.connections + 4_000;
/** Of one network that is no proxy of ours: whatever one client holds, half is left for the others. */
const CONNECTIONS_OF_NETWORK_MAX = CONNECTIONS_MAX / 2;
/** Slower than that over `answerMs` is nobody who wants the answer: about a kilobyte a second. */
const ANSWER_BYTES_MIN = 32 * 1024;

interface GuardOptions {
  readonly times: DoorTimes;
  readonly trusts: TrustsAddress;
  /** Whether it is a stream, which stays open for long and has rules of its own. */
  readonly isStream: (socket: Socket) => boolean;
  readonly log: Log;
}

export interface ConnectionGuard {
  stop(): void;
  /** Ends connections on which nothing was ever said: node:http takes them for busy, and would wait for their first request for ever. */
  endUnused(): void;
}

/** What a client had taken of an answer, and since when it is looked at. */
interface Taking {
  readonly bytes: number;
  readonly since: number;
}

/**
 * Bounds the connections of a node and of a network, and cuts who takes an answer too slowly: what is written and not taken is kept in memory
 * until it is. Slow requests are ended by node:http itself.
 */
export function guardConnections(
  server: Server,
  { times, trusts, isStream, log }: GuardOptions,
): ConnectionGuard {
  const open = new Map<Socket, Taking | null>();
  const ofNetwork = new Map<string, number>();
  const warn = sparsely((what: object, suppressed) =>
    log.warn({ ...what, suppressed }, 'connections are refused: too many'),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.on('drop', () => warn({ by: 'node' }));
  server.on('connection', (socket: Socket) => {
    // One that asked for another protocol than we have comes twice.
    if (open.has(socket)) return;
    const peer = peerOf(socket);
    const network = networkOf(peer);
    const count = (ofNetwork.get(network) ?? 0) + 1;
    if (count > CONNECTIONS_OF_NETWORK_MAX && !trusts(peer)) {
      warn({ by: 'address', name: network });
      socket.destroy();
      return;
    }
    ofNetwork.set(network, count);
    open.set(socket, null);
    socket.on('close', () => {
      open.delete(socket);
      const left = (ofNetwork.get(network) ?? 1) - 1;
      if (left === 0) ofNetwork.delete(network);
      else ofNetwork.set(network, left);
    });
  });
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const [socket, taking] of open) {
      const next = isStream(socket) ? null : judge(socket, taking, { now, answerMs: times.answerMs });
      if (next === 'TOO_SLOW') {
        log.debug({ address: peerOf(socket) }, 'an answer was taken too slowly');
        socket.destroy();
      } else if (next !== taking) open.set(socket, next);
    }
  }, times.sweepMs);
  sweep.unref();
  return {
    stop: () => clearInterval(sweep),
    endUnused: () => {
      for (const socket of open.keys()) if (socket.bytesRead === 0) socket.destroy();
    },
  };
}

function judge(
  socket: Socket,
  taking: Taking | null,
  { now, answerMs }: { readonly now: number; readonly answerMs: number },
): Taking | null | 'TOO_SLOW' {
  if (socket.writableLength === 0) return null;
  const bytes = bytesTaken(socket);
  if (taking === null) return { bytes, since: now };
  if (now - taking.since < answerMs) return taking;
  return bytes - taking.bytes < ANSWER_BYTES_MIN ? 'TOO_SLOW' : { bytes, since: now };
}
