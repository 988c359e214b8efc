import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Actor } from '../domain/actor.ts';
import type { HubTimes } from '../realtime/hub-deps.ts';
import type { Sink } from '../realtime/member.ts';
import type { Form } from '../realtime/payload.ts';
import { Backlog } from './backlog.ts';
import { workspaceNamedBy } from './caller.ts';
import { CLOSES } from './close-codes.ts';
import { bytesTaken } from './keep-alive.ts';
import { hasEnded } from './streams.ts';
import type { CloseReason, Connection, StreamTimes } from './streams.ts';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  // nginx would hold events back.
  'x-accel-buffering': 'no',
};
/** A browser comes back after so long, at random within it: all of them at once would be a herd. */
const RETRY_MS_MAX = 1_000;

export type SseTimes = StreamTimes & Pick<HubTimes, 'stalledMs'>;

/** An event, and the same as a chunk of the answer's chunked encoding: framed once for all who share it. */
export interface EventForm {
  readonly plain: Form;
  readonly chunk: Form;
}

export function eventForm(plain: Form): EventForm {
  return { plain, chunk: { isShared: true, wrap: (bytes) => chunkOf(plain.wrap(bytes)) } };
}

function chunkOf(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

export interface SseOptions {
  readonly actor: Actor;
  readonly times: SseTimes;
  /** How a payload is written. */
  readonly form: EventForm;
}

/** One response that stays open and carries server-sent events. */
export class SseConnection implements Connection {
  readonly transport = 'SSE';
  actor: Actor;
  readonly authorization: string | undefined;
  readonly workspace: string | undefined;
  readonly sink: Sink;
  readonly #res: ServerResponse;
  readonly tcp: Socket;
  readonly #times: SseTimes;
  /** What the peer had taken when it was looked at last, and since when it is so much. */
  #taken = { bytes: 0, since: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(req: IncomingMessage, res: ServerResponse, { actor, times, form }: SseOptions) {
    this.actor = actor;
    this.authorization = req.headers.authorization;
    this.workspace = workspaceNamedBy(req);
    this.#res = res;
    this.tcp = req.socket;
    this.#times = times;
    // Null: it was pipelined behind a request that is not answered yet, and node:http keeps what is written.
    const { socket } = res;
    const backlog = new Backlog(socket ?? res);
    this.sink = {
      send: (payload) => {
        if (res.writableEnded || res.destroyed || hasEnded(this.actor)) return false;
        // Past node:http, which would frame the chunk anew and write it as three buffers in a later tick.
        if (socket !== null && res.chunkedEncoding) socket.write(payload.wrapped(form.chunk));
        else res.write(payload.wrapped(form.plain));
        return true;
      },
      unsentBytes: () => backlog.bytes,
      takenBytes: () => bytesTaken(this.tcp),
      drained: () => backlog.drained(),
      end: (reason) => this.close(reason),
    };
    res.once('close', () => clearTimeout(this.#timer));
  }

  open(): void {
    this.tcp.setNoDelay(true);
    this.#res.writeHead(200, HEADERS);
    this.#res.write(`retry: ${Math.ceil(Math.random() * RETRY_MS_MAX)}\n\n`);
    this.#timer = setInterval(() => this.#beat(), this.#times.heartbeatMs).unref();
  }

  renew(actor: Actor): void {
    this.actor = actor;
  }

  close(reason: CloseReason): void {
    if (this.#res.writableEnded) return;
    clearTimeout(this.#timer);
    // No `complete`: the stream is not over, only this connection is.
    this.#res.end(`: ${CLOSES[reason].code} ${CLOSES[reason].reason}\n\n`);
    this.#timer = setTimeout(() => this.terminate(), this.#times.closeMs).unref();
  }

  terminate(): void {
    this.#res.destroy();
  }

  /** Proves the connection to proxies and clients. There is no pong: who takes nothing of what it was sent for too long is gone. */
  #beat(): void {
    if (this.#res.writableLength === 0) {
      this.#res.write(':\n\n');
      return;
    }
    const [bytes, now] = [bytesTaken(this.tcp), Date.now()];
    if (bytes !== this.#taken.bytes) this.#taken = { bytes, since: now };
    else if (now - this.#taken.since >= this.#times.stalledMs) this.close('SLOW_CONSUMER');
  }
}
