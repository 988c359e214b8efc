import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Actor } from '../domain/actor.ts';
import type { Sink } from '../realtime/member.ts';
import { Backlog } from './backlog.ts';
import { CLOSES } from './close-codes.ts';
import type { Connection } from './streams.ts';
import { frameWriter } from './websocket-frame.ts';

/** One WebSocket and the TCP connection under it. */
export class WebSocketConnection implements Connection {
  readonly transport = 'WEBSOCKET';
  actor: Actor | null;
  authorization: string | undefined;
  readonly #socket: WebSocket;
  readonly #tcp: Socket;
  readonly #backlog: Backlog;
  readonly #onSignedIn: () => void;

  constructor(
    socket: WebSocket,
    { socket: tcp, headers }: IncomingMessage,
    { actor, onSignedIn }: { readonly actor: Actor | null; readonly onSignedIn: () => void },
  ) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#backlog = new Backlog(tcp);
    this.actor = actor;
    this.authorization = headers.authorization;
    this.#onSignedIn = onSignedIn;
  }

  signIn(actor: Actor, authorization: string): void {
    this.actor = actor;
    this.authorization = authorization;
    this.#onSignedIn();
  }

  close(reason: keyof typeof CLOSES): void {
    const { code, reason: text } = CLOSES[reason];
    this.#socket.close(code, text);
  }

  /**
   * Writes frames past `ws`, straight to its TCP connection: the same buffer for all who share it, one system call each. Whole frames only,
   * and without compression `ws` writes its own whole as well, so they never mix.
   */
  sink(operationId: string): Sink {
    const write = frameWriter(operationId);
    return {
      send: (payload) => {
        if (this.#socket.readyState === this.#socket.OPEN) this.#tcp.write(write(payload));
      },
      unsentBytes: () => this.#backlog.bytes,
      drained: () => this.#backlog.drained(),
      end: (reason) => this.close(reason),
    };
  }
}
