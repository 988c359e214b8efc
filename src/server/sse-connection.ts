import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Actor } from '../domain/actor.ts';
import type { HubTimes } from '../realtime/hub-deps.ts';
import type { EndReason, Sink } from '../realtime/member.ts';
import type { Form, Payload } from '../realtime/payload.ts';
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

interface SseSinkOptions extends Pick<SseOptions, 'actor' | 'form'> {
  readonly onEnd: (reason: EndReason) => void;
}

/** What every frame needs of a stream, in one place: with ten thousand of them each further object is one more miss of the cache. */
class SseSink implements Sink {
  /** Whose stream it is. */
  actor: Actor;
  /** Nothing more is written to it. */
  isOver = false;
  /** Where chunks are written to, past node:http, which would frame them anew and write them as three buffers in a later tick; null: not known to be possible. */
  #raw: Socket | null = null;
  readonly #form: EventForm;
  readonly #res: ServerResponse;
  /** Null: it was pipelined behind a request that is not answered yet, and node:http keeps what is written. */
  readonly #socket: Socket | null;
  readonly #tcp: Socket;
  readonly #backlog: Backlog;
  readonly #onEnd: (reason: EndReason) => void;

  constructor(tcp: Socket, res: ServerResponse, { actor, form, onEnd }: SseSinkOptions) {
    this.actor = actor;
    this.#form = form;
    this.#res = res;
    this.#socket = res.socket;
    this.#tcp = tcp;
    this.#backlog = new Backlog(res.socket ?? res);
    this.#onEnd = onEnd;
  }

  send(payload: Payload): boolean {
    if (this.isOver || hasEnded(this.actor)) return false;
    if (this.#raw === null && this.#res.chunkedEncoding) this.#raw = this.#socket;
    if (this.#raw === null) this.#res.write(payload.wrapped(this.#form.plain));
    else this.#raw.write(payload.wrapped(this.#form.chunk));
    return true;
  }

  unsentBytes(): number {
    return this.#raw === null ? this.#backlog.bytes : this.#raw.writableLength;
  }

  takenBytes(): number {
    return bytesTaken(this.#tcp);
  }

  drained(): Promise<void> {
    return this.#backlog.drained();
  }

  end(reason: EndReason): void {
    this.#onEnd(reason);
  }
}

/** One response that stays open and carries server-sent events. */
export class SseConnection implements Connection {
  readonly transport = 'SSE';
  readonly authorization: string | undefined;
  readonly workspace: string | undefined;
  readonly #sink: SseSink;
  readonly #res: ServerResponse;
  readonly tcp: Socket;
  readonly #times: SseTimes;
  /** What the peer had taken when it was looked at last, and since when it is so much. */
  #taken = { bytes: 0, since: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(req: IncomingMessage, res: ServerResponse, { actor, times, form }: SseOptions) {
    this.authorization = req.headers.authorization;
    this.workspace = workspaceNamedBy(req);
    this.#res = res;
    this.tcp = req.socket;
    this.#times = times;
    this.#sink = new SseSink(req.socket, res, { actor, form, onEnd: (reason) => this.close(reason) });
    res.on('close', () => {
      this.#sink.isOver = true;
      clearTimeout(this.#timer);
    });
  }

  get actor(): Actor {
    return this.#sink.actor;
  }

  get sink(): Sink {
    return this.#sink;
  }

  open(): void {
    this.tcp.setNoDelay(true);
    this.#res.writeHead(200, HEADERS);
    this.#res.write(`retry: ${Math.ceil(Math.random() * RETRY_MS_MAX)}\n\n`);
    this.#timer = setInterval(() => this.#beat(), this.#times.heartbeatMs).unref();
  }

  renew(actor: Actor): void {
    this.#sink.actor = actor;
  }

  close(reason: CloseReason): void {
    if (this.#res.writableEnded) return;
    this.#sink.isOver = true;
    clearTimeout(this.#timer);
    // No `complete`: the stream is not over, only this connection is.
    this.#res.end(`: ${CLOSES[reason].code} ${CLOSES[reason].reason}\n\n`);
    this.#timer = setTimeout(() => this.terminate(), this.#times.closeMs).unref();
  }

  terminate(): void {
    this.#sink.isOver = true;
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
