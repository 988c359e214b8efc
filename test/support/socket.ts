import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { deferred } from './deferred.ts';

const PATIENCE_MS = 10_000;

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** One graphql-transport-ws connection of a test, closed when the test ends. */
export interface TestSocket {
  send(message: object | string): void;
  /** The next message that came, in order. */
  next(): Promise<Message>;
  /** What the connection was closed with. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Resolves when the server has answered everything that was sent before, and nothing else came: what has not come by then was not sent. */
  expectNothing(): Promise<void>;
  close(): void;
  /** Stops and starts to read, as a slow consumer does. */
  pause(): void;
  resume(): void;
}

interface SocketOptions {
  readonly key?: string;
  readonly headers?: Record<string, string>;
  readonly protocol?: string;
}

/** Opens a socket; rejects with the status of a server that does not switch protocols. */
export async function openSocket(url: string, options: SocketOptions = {}): Promise<TestSocket> {
  const headers = {
    ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
    ...options.headers,
  };
  const webSocket = new WebSocket(
    `${url.replace('http', 'ws')}/graphql`,
    options.protocol ?? 'graphql-transport-ws',
    { headers },
  );
  onTestFinished(() => webSocket.terminate());
  const opened = deferred<void>();
  const closed = deferred<{ code: number; reason: string }>();
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
      const end = await Promise.race([arrived.promise, closed.promise, late()]);
      if (end !== undefined && inbox.length === 0)
        throw new Error(end === 'late' ? 'nothing came' : `closed with ${JSON.stringify(end)}`);
    }
  }

  return {
    send: (message) => webSocket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next,
    closed: closed.promise,
    expectNothing: async () => {
      webSocket.send('{"type":"ping"}');
      const message = await next();
      if (message.type !== 'pong') throw new Error(`something came: ${JSON.stringify(message)}`);
    },
    close: () => webSocket.close(),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
  };
}

function late(): Promise<'late'> {
  return new Promise((resolve) => {
    setTimeout(() => resolve('late'), PATIENCE_MS).unref();
  });
}

/** A socket that has said who it is. */
export async function openAcknowledged(url: string, key: string): Promise<TestSocket> {
  const socket = await openSocket(url, { key });
  socket.send({ type: 'connection_init' });
  const message = await socket.next();
  if (message.type !== 'connection_ack') throw new Error(`not acknowledged: ${JSON.stringify(message)}`);
  return socket;
}
