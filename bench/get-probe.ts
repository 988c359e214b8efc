// A reader beside the fan-outs: a process that `npm run bench:push` starts and asks. It sends a GET every few milliseconds, whether the ones
// before were answered or not, and tells how long each answer took.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchRaw } from './load-client.ts';
import type { LoadCase } from './load-client.ts';

const EVERY_MS = 4;

export interface ProbeCommand {
  readonly port: number;
  readonly request: string;
  readonly forMs: number;
}

interface Reader {
  readonly socket: Socket;
  missing: number;
  sentAt: number;
}

process.on('message', (command: ProbeCommand) => void probe(command).then((found) => process.send?.(found)));
process.on('disconnect', () => process.exit(0));
process.send?.(0);

/** @returns milliseconds from the request to the end of its answer, of each */
async function probe({ port, request, forMs }: ProbeCommand): Promise<Float64Array> {
  const get: LoadCase = { name: 'GET', request, status: 200 };
  const { length, head } = await fetchRaw(port, get);
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`unexpected answer ${head}`);
  const took: number[] = [];
  const idle: Reader[] = [];
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    const reader =
      idle.pop() ??
      open(port, length, (done) => {
        took.push(performance.now() - done.sentAt);
        idle.push(done);
      });
    reader.sentAt = performance.now();
    reader.missing = length;
    reader.socket.write(get.request);
    await delay(EVERY_MS);
  }
  await delay(500);
  for (const { socket } of idle) socket.destroy();
  return Float64Array.from(took);
}

function open(port: number, length: number, onAnswer: (reader: Reader) => void): Reader {
  const reader: Reader = {
    socket: connect({ port, host: '127.0.0.1', noDelay: true }),
    missing: length,
    sentAt: 0,
  };
  reader.socket.on('data', (chunk) => {
    reader.missing -= chunk.length;
    if (reader.missing === 0) onAnswer(reader);
  });
  return reader;
}
