import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { clientFrame, upgradeRequest } from '../support/raw-connection.ts';
import { ADMIN_KEY } from './harness.ts';

/** Somebody who means no good: what it sends, and what became of it. */
export interface Abuser {
  /** From the offence to the end of the connection, by the server; null: it is still open. */
  readonly closedAfterMs: () => number | null;
  destroy(): void;
}

export type Attack = (socket: Socket) => void;

const HEAD = `Host: localhost\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n`;
const DRIP_MS = 5_000;
const SEND = { fin: false } as const;

/** Sends a byte every five seconds for as long as it may. */
function drip(socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), DRIP_MS);
  socket.once('close', () => clearInterval(timer));
}

export const SLOW_ATTACKS = {
  slowHead: (socket: Socket) => {
    socket.write(`GET /v1/prompts/a HTTP/1.1\r\n${HEAD}X-Slow: `);
    drip(socket, 'x');
  },
  slowBody: (socket: Socket) => {
    socket.write(
      `POST /graphql HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: 50000\r\n\r\n{"query":"`,
    );
    drip(socket, 'x');
  },
} as const satisfies Record<string, Attack>;

/** Five megabytes that need no key. */
export async function largestAsset(url: string): Promise<string> {
  const page = await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } });
  const script = /\/graphiql\/graphiql-\w+\.js/.exec(await page.text())?.[0];
  if (script === undefined) throw new Error('the page has no script');
  return script;
}

/** Asks for more than the kernels between us hold, and takes none of it. */
export async function slowRead(url: string): Promise<Attack> {
  const script = await largestAsset(url);
  return (socket) => {
    socket.pause();
    socket.write(`GET ${script} HTTP/1.1\r\n${HEAD}\r\n`);
  };
}

/** The frames of one offence each, sent when the protocol is switched. `key`: whether it has one. */
export const FRAME_ATTACKS = {
  tinyFragments: {
    key: true,
    frames: Buffer.concat([
      clientFrame(1, 'x', SEND),
      ...Array.from({ length: 2_000 }, () => clientFrame(0, 'x', SEND)),
    ]),
  },
  neverFinished: { key: true, frames: clientFrame(1, 'x'.repeat(60_000), SEND) },
  halfFrame: { key: true, frames: clientFrame(1, 'x'.repeat(60_000)).subarray(0, 30_000) },
  oversize: { key: true, frames: clientFrame(1, 'x'.repeat(65_535)).fill(0xff, 2, 4) },
  oversizeByFragments: {
    key: true,
    frames: Buffer.concat([clientFrame(1, 'x'.repeat(40_000), SEND), clientFrame(0, 'x'.repeat(40_000))]),
  },
  invalidUtf8: { key: true, frames: clientFrame(1, Buffer.from([0xc3, 0x28])) },
  reservedBits: { key: true, frames: Buffer.from([0xf1, 0x80, 0, 0, 0, 0]) },
  noMessage: { key: true, frames: clientFrame(1, 'hello') },
  frameFlood: { key: true, frames: Buffer.concat(Array.from({ length: 20_000 }, () => clientFrame(10, ''))) },
  noInit: { key: false, frames: Buffer.alloc(0) },
} as const satisfies Record<string, { readonly key: boolean; readonly frames: Buffer }>;

/** Opens a connection and attacks; what it is told is read, so that it notices its end. */
export function attack(url: string, begin: Attack): Abuser {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const began = performance.now();
  let closedAfterMs: number | null = null;
  const closed = () => {
    closedAfterMs ??= performance.now() - began;
  };
  socket.on('error', closed);
  socket.on('end', closed);
  socket.on('close', closed);
  socket.on('data', () => undefined);
  socket.once('connect', () => begin(socket));
  return { closedAfterMs: () => closedAfterMs, destroy: () => socket.destroy() };
}

/** An offence by frames: asks for the upgrade, then sends them. */
export function frameAttack({ key, frames }: { readonly key: boolean; readonly frames: Buffer }): Attack {
  return (socket) => {
    socket.write(upgradeRequest(key ? { Authorization: `Bearer ${ADMIN_KEY}` } : {}));
    socket.once('data', () => socket.write(frames));
  };
}

/** An upgrade that is asked for and never used: no key, no word, no farewell. */
export function halfOpenUpgrade(socket: Socket): void {
  socket.write(upgradeRequest());
}
