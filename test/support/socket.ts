import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { deferred } from './deferred.ts';

const PATIENCE_MS = 10_000;

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** One graphql-transport-ws connection of a test, closed when the test ends. */
export interface TestSocket {
  /** Objects as JSON; text and bytes as they are. */
  send(message: object | string, frame?: { readonly binary?: boolean; readonly fin?: boolean }): void;
  /** The next message that came, in order. */
  next(): Promise<Message>;
  /** What the connection was closed with. */
  readonly closed: Promise<Closed>;
  /** Resolves when the server has answered everything that was sent before, and nothing else came: what has not come by then was not sent. */
  expectNothing(): Promise<void>;
  /** A ping frame; resolves with what its pong carries. */
  pingFrame(data: string): Promise<string>;
  close(): void;
  /** Gone without a word, as when the process dies. */
  terminate(): void;
  /** Stops and starts to read, as a slow consumer does. */
  pause(): void;
  resume(): void;
}

interface SocketOptions {
  readonly key?: string;
  readonly headers?: Record<string, string>;
  readonly protocols?: readonly string[];
  readonly path?: string;
  /** Whether it answers ping frames. @default true */
  readonly autoPong?: boolean;
}

/** Opens a socket; rejects with the status of a server that does not switch protocols. */
export async function openSocket(url: string, options: SocketOptions = {}): Promise<TestSocket> {
  const { key, path = '/graphql', protocols = ['graphql-transport-ws'], autoPong = true } = options;
  const authorization: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const headers = { ...authorization, ...options.headers };
  const address = `${url.replace('http', 'ws')}${path}`;
  const webSocket = new WebSocket(address, [...protocols], { headers, autoPong });
  onTestFinished(() => webSocket.terminate());
  const opened = deferred<void>();
  const closed = deferred<Closed>();
  webSocket.on('open', () => opened.resolve());
  webSocket.on('unexpected-response', (_request, response) =>
    opened.reject(new Error(`refused with ${response.statusCode}`)),
  );
  webSocket.on('error', (error) => opened.reject(error));
  webSocket.on('close', (code, reason) => closed.resolve({ code, reason: reason.toString() }));
  const inbox: Message[] = [];
  let arrived = deferred<void>();
  webSocket.on('message', (data: Buffer) => {
    inbox.push(JSON.parse(data.toString()) as Message);
    arrived.resolve();
  });
  await opened.promise;

  async function next(): Promise<Message> {
    for (;;) {
      const message = inbox.shift();
      if (message !== undefined) return message;
      arrived = deferred();
      const end = await inTime(Promise.race([arrived.promise, closed.promise]), 'no message came');
      if (end !== undefined && inbox.length === 0) throw new Error(`closed with ${JSON.stringify(end)}`);
    }
  }

  return {
    send: (message, frame = {}) => {
      const isRaw = typeof message === 'string' || message instanceof Uint8Array;
      webSocket.send(isRaw ? message : JSON.stringify(message), frame);
    },
    next,
    closed: closed.promise,
    expectNothing: async () => {
      webSocket.send('{"type":"ping"}');
      const message = await next();
      if (message.type !== 'pong') throw new Error(`something came: ${JSON.stringify(message)}`);
    },
    pingFrame: async (data) => {
      const pong = deferred<string>();
      webSocket.once('pong', (answer) => pong.resolve(answer.toString()));
      webSocket.ping(data);
      return inTime(pong.promise, 'no pong came');
    },
    close: () => webSocket.close(),
    terminate: () => webSocket.terminate(),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
  };
}

/** The promise, or an error after a while: a test that waits for what never comes shall say for what. */
export async function inTime<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(what)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A socket that has said who it is. */
export async function openAcknowledged(
  url: string,
  key: string,
  options: SocketOptions = {},
): Promise<TestSocket> {
  const socket = await openSocket(url, { key, ...options });
  socket.send({ type: 'connection_init' });
  const message = await socket.next();
  if (message.type !== 'connection_ack') throw new Error(`not acknowledged: ${JSON.stringify(message)}`);
  return socket;
}
