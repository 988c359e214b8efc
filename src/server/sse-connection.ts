import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor } from '../domain/actor.ts';
import type { Sink } from '../realtime/member.ts';
import type { Payload } from '../realtime/payload.ts';
import { Backlog } from './backlog.ts';
import { CLOSES } from './close-codes.ts';
import type { CloseReason, Connection, StreamTimes } from './streams.ts';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  // nginx would hold events back.
  'x-accel-buffering': 'no',
};
/** A browser comes back after so long, at random within it: all of them at once would be a herd. */
const RETRY_MS_MAX = 1_000;

export interface SseOptions {
  readonly actor: Actor;
  readonly times: StreamTimes;
  /** How a payload is written. */
  readonly write: (payload: Payload) => Buffer;
}

/** One response that stays open and carries server-sent events. */
export class SseConnection implements Connection {
  readonly transport = 'SSE';
  readonly actor: Actor;
  readonly authorization: string | undefined;
  readonly sink: Sink;
  readonly #res: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(req: IncomingMessage, res: ServerResponse, { actor, times, write }: SseOptions) {
    this.actor = actor;
    this.authorization = req.headers.authorization;
    this.#res = res;
    const backlog = new Backlog(res);
    this.sink = {
      send: (payload) => void (res.writableEnded || res.write(write(payload))),
      unsentBytes: () => backlog.bytes,
      drained: () => backlog.drained(),
      end: (reason) => this.close(reason),
    };
    // It proves the connection to proxies and clients; what does not take it is found by the hub.
    this.#heartbeat = setInterval(() => {
      if (!res.writableNeedDrain) res.write(':\n\n');
    }, times.heartbeatMs);
    this.#heartbeat.unref();
    res.once('close', () => clearInterval(this.#heartbeat));
    req.socket.setNoDelay(true);
    // The limits for slow requests are not meant for this answer.
    req.socket.setTimeout(0);
    res.writeHead(200, HEADERS);
    res.write(`retry: ${Math.ceil(Math.random() * RETRY_MS_MAX)}\n\n`);
  }

  close(reason: CloseReason): void {
    if (this.#res.writableEnded) return;
    clearInterval(this.#heartbeat);
    // No `complete`: the stream is not over, only this connection is.
    this.#res.end(`: ${CLOSES[reason].code} ${CLOSES[reason].reason}\n\n`);
    if (reason === 'SLOW_CONSUMER') this.#res.destroy();
  }
}
