import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Actor } from '../domain/actor.ts';
import type { EndReason, Sink } from '../realtime/member.ts';
import type { Form, Payload } from '../realtime/payload.ts';
import { Backlog } from './backlog.ts';
import { workspaceNamedBy } from './caller.ts';
import { CLOSES } from './close-codes.ts';
import { bytesTaken } from './keep-alive.ts';
import { hasEnded } from './streams.ts';
import type { Connection } from './streams.ts';
import { frameForm } from './websocket-frame.ts';

type Reason = keyof typeof CLOSES;

/** More unread than this, and no further message is read: what it would be answered would only pile up here. */
const UNREAD_BYTES_MAX = 1024 * 1024;

/** Who did this is not waited for: what is said in farewell is read within this time, or not. */
const OFFENCES: ReadonlySet<Reason> = new Set<Reason>(['RATE_LIMITED', 'UNFINISHED_MESSAGE', 'BAD_MESSAGE']);
const OFFENDER_CLOSE_MS = 500;

/** What says where a request came from, beside its address. */
const ORIGIN_HEADERS = ['x-forwarded-for', 'user-agent'] as const;

/** Of a request: what tells where it came from. */
type Visit = Pick<IncomingMessage, 'headers' | 'socket'>;

/** One operation; it tells itself from another one of its id: a client may complete an operation and use its id again while we still prepare it. */
export interface OpenOperation {
  /** How it leaves the hub; null: it is no subscription, or not there yet. */
  leave: (() => void) | null;
  /** Told when nothing comes of it any more, because another one goes by its id; null: nobody waits. */
  abandon: (() => void) | null;
}

/** One WebSocket and the TCP connection under it. */
export class WebSocketConnection implements Connection {
  readonly transport = 'WEBSOCKET';
  /** What it came with, until it has said who it is: ten thousand of them are megabytes of headers. */
  #request: IncomingMessage | null;
  #visit: Visit;
  actor: Actor | null;
  authorization: string | undefined;
  workspace: string | undefined;
  readonly #socket: WebSocket;
  readonly tcp: Socket;
  readonly #backlog: Backlog;
  readonly #onSignedIn: () => void;
  /** What goes by an id now. */
  readonly #operations = new Map<string, OpenOperation>();
  #begun: OpenOperation | null = null;
  /** Operations that are answered once and whose answer is not written yet. */
  #answering = 0;
  #isDeaf = false;
  /** It is closed for this reason when everything is answered. */
  #parting: Reason | null = null;

  constructor(
    socket: WebSocket,
    request: IncomingMessage,
    { actor, onSignedIn }: { readonly actor: Actor | null; readonly onSignedIn: () => void },
  ) {
    this.#request = request;
    this.#visit = request;
    this.#socket = socket;
    this.tcp = request.socket;
    this.#backlog = new Backlog(request.socket);
    this.actor = actor;
    this.authorization = request.headers.authorization;
    this.workspace = workspaceNamedBy(request);
    this.#onSignedIn = onSignedIn;
  }

  /** Whether messages are still taken. */
  get isOpen(): boolean {
    return this.#parting === null && this.#socket.readyState === this.#socket.OPEN;
  }

  signIn(actor: Actor, { authorization, workspace }: Pick<Connection, 'authorization' | 'workspace'>): void {
    this.actor = actor;
    this.authorization = authorization;
    this.workspace = workspace;
    this.#onSignedIn();
  }

  /** The request that opened it. */
  get request(): IncomingMessage {
    if (this.#request === null) throw new Error('who came by this request was found out already');
    return this.#request;
  }

  /** Where it came from. */
  get visit(): Visit {
    return this.#visit;
  }

  /** It has said who it is: of its request no more is needed than where it came from. */
  introduced(): void {
    const { headers, socket } = this.#visit;
    const kept = ORIGIN_HEADERS.flatMap((name) => (name in headers ? [[name, headers[name]]] : []));
    this.#visit = { headers: Object.fromEntries(kept) as IncomingMessage['headers'], socket };
    this.#request = null;
  }

  renew(actor: Actor): void {
    this.actor = actor;
  }

  close(reason: Reason): void {
    const isInOrder = reason === 'DRAINING' || reason === 'AGE';
    if (isInOrder && this.#answering > 0) {
      this.#parting ??= reason;
      return;
    }
    const { code, reason: text } = CLOSES[reason];
    this.#socket.close(code, text);
    if (OFFENCES.has(reason)) this.cutSoon();
  }

  /** Closes one that sends frames without a pause: for as long as it was read, it would have the time of all others. */
  closeFlood(): void {
    this.close('RATE_LIMITED');
    this.#isDeaf = true;
    this.#socket.pause();
  }

  /** Closes for an offence against the protocol. */
  dismiss(code: number, reason: string): void {
    this.#socket.close(code, reason);
    this.cutSoon();
  }

  /** The connection ends, whether or not the other side closes it too. */
  cutSoon(): void {
    setTimeout(() => this.#socket.terminate(), OFFENDER_CLOSE_MS).unref();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Reads on when what was written is taken. */
  async waitForReader(): Promise<void> {
    if (this.#backlog.bytes <= UNREAD_BYTES_MAX) return;
    this.#socket.pause();
    await this.#backlog.drained();
    if (!this.#isDeaf) this.#socket.resume();
  }

  /** Runs what is answered once: a connection that is closed in order waits for it. */
  async answer<T>(run: () => Promise<T>): Promise<T> {
    this.#answering += 1;
    try {
      return await run();
    } finally {
      // Until then graphql-ws has written the answer.
      setImmediate(() => {
        this.#answering -= 1;
        if (this.#answering === 0 && this.#parting !== null) this.close(this.#parting);
      });
    }
  }

  /** An operation begins. @returns what tells it from another one of its id. */
  begin(operationId: string): OpenOperation {
    const operation = { leave: null, abandon: null };
    this.#operations.set(operationId, operation);
    this.#begun = operation;
    return operation;
  }

  /** The operation that has begun since the last call, if one has. */
  takeBegun(): OpenOperation | null {
    const begun = this.#begun;
    this.#begun = null;
    return begun;
  }

  /** Joins what the operation follows, unless it is over already. */
  follow(operationId: string, operation: OpenOperation, join: () => () => void): void {
    if (this.#operations.get(operationId) === operation) operation.leave = join();
  }

  /** Whether another operation goes by its id now. */
  isReplaced(operationId: string, operation: OpenOperation): boolean {
    return (this.#operations.get(operationId) ?? operation) !== operation;
  }

  /** The operation is over, or whichever goes by its id. */
  end(operationId: string, operation = this.#operations.get(operationId)): void {
    if (this.#operations.get(operationId) !== operation) return;
    this.#operations.delete(operationId);
    operation?.leave?.();
  }

  /** The connection is gone, and all that went through it. */
  ended(): void {
    for (const operationId of this.#operations.keys()) this.end(operationId);
  }

  sink(operationId: string): Sink {
    return new WebSocketSink(this, this.#socket, this.#backlog, frameForm(operationId));
  }
}

/**
 * Writes frames past `ws`, straight to its TCP connection: the same buffer for all who share it, one system call each. Whole frames only,
 * and without compression `ws` writes its own whole as well, so they never mix.
 */
class WebSocketSink implements Sink {
  readonly #connection: WebSocketConnection;
  readonly #socket: WebSocket;
  readonly #tcp: Socket;
  readonly #backlog: Backlog;
  readonly #form: Form;

  constructor(connection: WebSocketConnection, socket: WebSocket, backlog: Backlog, form: Form) {
    this.#connection = connection;
    this.#socket = socket;
    this.#tcp = connection.tcp;
    this.#backlog = backlog;
    this.#form = form;
  }

  send(payload: Payload): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN || hasEnded(this.#connection.actor)) return false;
    this.#tcp.write(payload.wrapped(this.#form));
    return true;
  }

  unsentBytes(): number {
    return this.#tcp.writableLength;
  }

  takenBytes(): number {
    return bytesTaken(this.#tcp);
  }

  drained(): Promise<void> {
    return this.#backlog.drained();
  }

  end(reason: EndReason): void {
    this.#connection.close(reason);
  }
}
