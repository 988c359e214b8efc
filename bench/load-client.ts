import { connect } from 'node:net';
import type { Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';
const CHUNKED_END = '0\r\n\r\n';

/** One case as raw bytes: what is sent, and the status that every answer must have. */
export interface LoadCase {
  readonly name: string;
  readonly request: Buffer;
  readonly status: number;
}

export interface RawAnswer {
  readonly head: string;
  readonly body: Buffer;
  /** Of the whole answer on the wire. */
  readonly length: number;
}

export interface LoadResult {
  readonly perSecond: number;
  /** Share of one core that this process used: near 1 means that the client was the limit. */
  readonly clientShare: number;
}

/** Sends one request on a connection of its own and reads its answer whole. */
export function fetchRaw(port: number, { request, name }: LoadCase): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let received = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${name}: the connection was closed within an answer`)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const answer = parseAnswer(received);
      if (answer === null) return;
      resolve(answer);
      socket.destroy();
    });
  });
}

function parseAnswer(received: Buffer): RawAnswer | null {
  const headLength = received.indexOf(HEAD_END) + HEAD_END.length;
  if (headLength < HEAD_END.length) return null;
  const head = received.subarray(0, headLength).toString('latin1');
  if (/^transfer-encoding: *chunked/im.test(head)) {
    if (!received.subarray(-CHUNKED_END.length).equals(Buffer.from(CHUNKED_END))) return null;
    return { head, body: received.subarray(headLength), length: received.length };
  }
  const bodyLength = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  const length = headLength + bodyLength;
  return received.length < length ? null : { head, body: received.subarray(headLength, length), length };
}

/**
 * Keep-alive connections without pipelining: each sends its next request when the answer is complete. All answers of a case have the same
 * length, so the client only counts bytes; that an answer starts where the last one ended, with the right status, is checked for each.
 */
export async function load(
  port: number,
  loadCase: LoadCase,
  { connections, warmUpMs, measureMs }: { connections: number; warmUpMs: number; measureMs: number },
): Promise<LoadResult> {
  const { length } = await fetchRaw(port, loadCase);
  const start = Buffer.from(`HTTP/1.1 ${loadCase.status} `, 'latin1');
  let answered = 0;
  let fault: Error | null = null;
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  for (const socket of sockets) {
    let missing = length;
    socket.on('error', (error) => (fault ??= error));
    socket.on('data', (chunk) => {
      if (
        missing === length &&
        chunk.length >= start.length &&
        !chunk.subarray(0, start.length).equals(start)
      ) {
        fault ??= new Error(
          `${loadCase.name}: unexpected answer ${chunk.subarray(0, 200).toString('latin1')}`,
        );
      }
      missing -= chunk.length;
      if (missing < 0) fault ??= new Error(`${loadCase.name}: an answer is longer than the first one`);
      if (missing > 0) return;
      missing = length;
      answered += 1;
      socket.write(loadCase.request);
    });
    socket.write(loadCase.request);
  }
  await delay(warmUpMs);
  const before = { answered, at: performance.now(), cpu: process.cpuUsage() };
  await delay(measureMs);
  const seconds = (performance.now() - before.at) / 1_000;
  const cpu = process.cpuUsage(before.cpu);
  const count = answered - before.answered;
  for (const socket of sockets) socket.removeAllListeners('data').destroy();
  if (fault !== null) throw fault as Error;
  return { perSecond: count / seconds, clientShare: (cpu.user + cpu.system) / 1e6 / seconds };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
