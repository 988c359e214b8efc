// The load of `npm run bench:read` where wrk is missing, and single requests as raw bytes.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from './figures.ts';

const HEAD_END = '\r\n\r\n';
const CHUNKED_END = '0\r\n\r\n';
/** Where a request holds this, each has another number in its place. */
export const MARK = '@@@@@@@@';
export const LATENCY_SHARES = [0.5, 0.75, 0.9, 0.99, 0.999];

/** One case as text of the wire: what is sent, and the status that every answer must have. */
export interface LoadCase {
  readonly name: string;
  readonly request: string;
  readonly status: number;
}

export interface RawAnswer {
  readonly head: string;
  readonly body: Buffer;
  /** Of the whole answer on the wire. */
  readonly length: number;
}

export interface LoadPace {
  readonly connections: number;
  readonly measureMs: number;
  /** Mean pause of a connection before each request; 0: none. */
  readonly pauseMs: number;
}

export interface LoadResult {
  readonly answers: number;
  readonly perSecond: number;
  /** Share of one core that the load used: near 1 means that the client was the limit. */
  readonly clientShare: number;
  /** At LATENCY_SHARES. */
  readonly latencyMs: readonly number[];
}

/** Sends one request on a connection of its own and reads its answer whole. */
export function fetchRaw(port: number, { request, name }: LoadCase): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request.replace(MARK, '99999999')));
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
export async function loadByNode(
  port: number,
  loadCase: LoadCase,
  { connections, measureMs, pauseMs }: LoadPace,
): Promise<LoadResult> {
  const { length } = await fetchRaw(port, loadCase);
  const answers = new Answers(loadCase, length, pauseMs);
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  for (const socket of sockets) answers.follow(socket);
  const cpu = process.cpuUsage();
  const began = performance.now();
  await delay(measureMs);
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  for (const socket of sockets) socket.removeAllListeners('data').destroy();
  if (answers.fault !== null) throw answers.fault;
  return {
    answers: answers.took.length,
    perSecond: answers.took.length / seconds,
    clientShare: (user + system) / 1e6 / seconds,
    latencyMs: LATENCY_SHARES.map((share) => quantile(answers.took, share)),
  };
}

class Answers {
  readonly #case: LoadCase;
  readonly #length: number;
  readonly #pauseMs: number;
  readonly #start: Buffer;
  #number = Math.floor(Math.random() * 5e7);
  readonly took: number[] = [];
  fault: Error | null = null;

  constructor(loadCase: LoadCase, length: number, pauseMs: number) {
    this.#case = loadCase;
    this.#length = length;
    this.#pauseMs = pauseMs;
    this.#start = Buffer.from(`HTTP/1.1 ${loadCase.status} `, 'latin1');
  }

  follow(socket: Socket): void {
    let missing = this.#length;
    let sentAt = 0;
    const send = () => {
      if (socket.destroyed) return;
      sentAt = performance.now();
      this.#number += 1;
      socket.write(this.#case.request.replace(MARK, String(this.#number).padStart(MARK.length, '0')));
    };
    const sendNext = () => {
      if (this.#pauseMs === 0) send();
      else setTimeout(send, Math.random() * 2 * this.#pauseMs);
    };
    socket.on('error', (error) => (this.fault ??= error));
    socket.on('data', (chunk) => {
      if (missing === this.#length) this.#checkStart(chunk);
      missing -= chunk.length;
      if (missing < 0) this.fault ??= new Error(`${this.#case.name}: an answer is longer than the first one`);
      if (missing > 0) return;
      missing = this.#length;
      this.took.push(performance.now() - sentAt);
      sendNext();
    });
    sendNext();
  }

  #checkStart(chunk: Buffer): void {
    const { length } = this.#start;
    if (chunk.length < length || chunk.subarray(0, length).equals(this.#start)) return;
    const seen = chunk.subarray(0, 200).toString('latin1');
    this.fault ??= new Error(`${this.#case.name}: unexpected answer ${seen}`);
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}
