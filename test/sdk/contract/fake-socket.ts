import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { deferred } from '../../support/deferred.ts';
import { keyOf } from './fake-try.ts';
import type { Met, Wish } from './fake-try.ts';
import type { Content } from './format.ts';
import { asPayload, parseSubscription } from './frames.ts';
import type { Subscription } from './frames.ts';

const PROTOCOL = 'graphql-transport-ws';
const upgrader = new WebSocketServer({ noServer: true, handleProtocols: () => PROTOCOL });

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: Content;
}

/** An upgrade to graphql-transport-ws. Nothing but `ws` speaks here: every message is the case's, or one of the protocol's beginning. */
export function socketTry(req: IncomingMessage, tcp: Socket, head: Buffer): Met {
  const gone = new Promise<void>((resolve) => void tcp.on('close', () => resolve()));
  let key = keyOf(req);
  let socket: WebSocket | undefined;
  let isMute = false;
  let asked: { readonly id: string; readonly subscription: Subscription } | undefined;
  const send = (message: object) => socket?.send(JSON.stringify(message));
  const next = (payload: object) => send({ id: asked?.id, type: 'next', payload });

  const begin = async () => {
    socket = await upgrade(req, tcp, head);
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      if (typeOf(data) === 'ping' && !isMute) send({ type: 'pong' });
    });
    const init = await messageOf(socket, 'connection_init');
    const given = init.payload?.['authorization'];
    if (typeof given === 'string') key = given.replace(/^Bearer /, '');
    return socket;
  };
  const accept = async (): Promise<Wish> => {
    const opened = await begin();
    send({ type: 'connection_ack' });
    const { id = '', payload = {} } = await messageOf(opened, 'subscribe');
    const { query, variables = {} } = payload as { query: string; variables?: Content };
    asked = { id, subscription: parseSubscription(query, variables) };
    return wishOf(asked.subscription.arguments);
  };
  return {
    over: 'websocket',
    key: () => key,
    accept,
    answer: ({ status, headers = {}, body = '' }) => {
      const lines = Object.entries({
        ...headers,
        'content-length': Buffer.byteLength(body),
        connection: 'close',
      });
      const head_ = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      tcp.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${head_}\r\n${body}`);
    },
    refuse: async ({ code, closeCode }) => {
      if (closeCode !== null) return (await begin()).close(closeCode, 'says the case');
      await accept();
      next({ errors: [{ message: `${code}, says the case`, extensions: { code } }] });
      send({ id: asked?.id, type: 'complete' });
    },
    cut: () => void tcp.destroy(),
    mute: () => {
      isMute = true;
      tcp.pause();
    },
    // The server of Node would keep its half of a connection that the client has ended.
    drain: () => void tcp.on('end', () => tcp.destroy()).resume(),
    tell: (told) => {
      if (asked === undefined) throw new Error('there is no subscription to tell this');
      for (const frame of told) next(asPayload(asked.subscription, frame));
    },
    say: async (text, { bytewise, binary }) => {
      const said = text.replaceAll('<id>', asked?.id ?? '');
      if (!bytewise) socket?.send(binary ? Buffer.from(said) : said);
      for (const byte of bytewise ? textFrame(said) : []) {
        tcp.write(Buffer.of(byte));
        await turn();
      }
    },
    close: (code) => socket?.close(code, 'says the case'),
    gone,
  };
}

async function upgrade(req: IncomingMessage, tcp: Socket, head: Buffer): Promise<WebSocket> {
  const opened = deferred<WebSocket>();
  upgrader.handleUpgrade(req, tcp, head, (socket) => opened.resolve(socket));
  return opened.promise;
}

function typeOf(data: Buffer): string {
  return (JSON.parse(data.toString('utf8')) as Message).type;
}

/** The next message of the type. */
async function messageOf(socket: WebSocket, type: string): Promise<Message> {
  const came = deferred<Message>();
  const take = (data: Buffer) => {
    const message = JSON.parse(data.toString('utf8')) as Message;
    if (message.type === type) came.resolve(message);
  };
  socket.on('message', take);
  socket.on('close', (code) =>
    came.reject(new Error(`the client closed with ${code} before it sent ${type}`)),
  );
  return came.promise.finally(() => socket.off('message', take));
}

function wishOf(given: Content): Wish {
  const { after = null, prompts = null, channel, instance = null } = given as Partial<Wish>;
  return { after, prompts, channel: channel ?? 'stable', instance, ifNoneMatch: null, minCursor: null };
}

function textFrame(text: string): Buffer {
  const data = Buffer.from(text);
  const head =
    data.length < 126
      ? Buffer.of(0x81, data.length)
      : Buffer.of(0x81, 126, data.length >> 8, data.length & 255);
  return Buffer.concat([head, data]);
}
