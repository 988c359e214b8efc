import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { deferred } from './deferred.ts';
import { inTime } from './socket.ts';

/** A TCP connection that says what no well-behaved client would say. Reads until it is told to stop, and never closes its side by itself. */
export interface RawConnection {
  write(data: string | Uint8Array): void;
  /** What came so far, byte for byte. */
  readonly received: () => Buffer;
  /** Resolves when this stands in what came. */
  waitFor(text: string): Promise<void>;
  /** Resolves when so many bytes came. */
  waitForBytes(count: number): Promise<void>;
  /** Resolves when the server has closed its side. */
  readonly ended: Promise<void>;
  /** Resolves when the server has let go of the connection altogether: it takes no more bytes. Finds out by sending some. */
  gone(): Promise<void>;
  /** Bytes that the server has taken, or the kernels between us. */
  readonly taken: () => number;
  pause(): void;
  resume(): void;
  destroy(): void;
}

export async function openRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  const [connected, ended, gone] = [deferred<void>(), deferred<void>(), deferred<void>()];
  const chunks: Buffer[] = [];
  let arrived = deferred<void>();
  socket.on('connect', () => connected.resolve());
  socket.on('data', (data) => {
    chunks.push(data);
    arrived.resolve();
  });
  socket.on('end', () => ended.resolve());
  socket.on('error', () => gone.resolve());
  socket.on('close', () => {
    ended.resolve();
    gone.resolve();
  });
  await connected.promise;
  const received = () => Buffer.concat(chunks);
  return {
    write: (data) => void socket.write(data),
    received,
    waitFor: async (text) => {
      while (!received().includes(text)) {
        arrived = deferred();
        await inTime(arrived.promise, `${JSON.stringify(text)} did not come`);
      }
    },
    waitForBytes: async (count) => {
      for (let left = count; ;) {
        left = count - socket.bytesRead;
        if (left <= 0) return;
        arrived = deferred();
        await inTime(arrived.promise, `${left} bytes did not come`);
      }
    },
    ended: ended.promise,
    gone: async () => {
      const poking = setInterval(() => socket.write('\0'), 20);
      await inTime(gone.promise, 'the server still holds the connection').finally(() =>
        clearInterval(poking),
      );
    },
    taken: () => socket.bytesWritten - socket.writableLength,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
  };
}

/** The head of a request that asks for a WebSocket; headers that are null are left out. */
export function upgradeRequest(
  headers: Readonly<Record<string, string | null>> = {},
  path = '/graphql',
): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'graphql-transport-ws',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** A frame as a client sends it, masked with zeros. */
export function clientFrame(opcode: number, payload: string | Uint8Array, { fin = true } = {}): Buffer {
  const data = Buffer.from(payload);
  const first = (fin ? 0x80 : 0) | opcode;
  if (data.length <= 125) return Buffer.concat([Buffer.from([first, 0x80 | data.length, 0, 0, 0, 0]), data]);
  const header = Buffer.from([first, 0x80 | 126, 0, 0, 0, 0, 0, 0]);
  header.writeUInt16BE(data.length, 2);
  return Buffer.concat([header, data]);
}

/** The code of the close frame at the end of what came; null: there is none. */
export function closeCodeIn(received: Buffer): number | null {
  let at = received.indexOf('\r\n\r\n') + 4;
  while (at + 2 <= received.length) {
    const opcode = (received[at] ?? 0) & 0x0f;
    const length = (received[at + 1] ?? 0) & 0x7f;
    const [size, head] =
      length === 126
        ? [received.readUInt16BE(at + 2), 4]
        : length === 127
          ? [Number(received.readBigUInt64BE(at + 2)), 10]
          : [length, 2];
    if (opcode === 8) return received.readUInt16BE(at + head);
    at += head + size;
  }
  return null;
}
