// The subscribers of one server: a process that `npm run bench:push` starts and asks. Sockets are read into one buffer and only counted.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { fetchRaw } from './load-client.ts';
import { UnitReader } from './unit-reader.ts';
import type { Protocol } from './unit-reader.ts';

const AT_ONCE = 64;
const PATIENCE_MS = 10_000;
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const READ_BUFFER = Buffer.alloc(64 * 1024);

/** What a subscriber sends to one server, and what makes that server tell all of them something. */
export interface Audience {
  readonly port: number;
  readonly protocol: Protocol;
  /** The upgrade, or the request for an event stream. */
  readonly request: string;
  /** Texts that follow it, each when the one before was answered. */
  readonly greetings: readonly string[];
  /** HTTP requests, used in turns. */
  readonly triggers: readonly string[];
}

export type LoadCommand = { readonly audience: Audience } | { readonly open: number } | 'fire';

/** One event on its way to all subscribers; times in milliseconds since the trigger was sent. */
export interface FanOut {
  readonly acknowledgedMs: number;
  /** Ascending; fewer than there are subscribers when some heard nothing for 10 s. */
  readonly arrivalsMs: Float64Array;
  readonly bytes: number;
  /** What this process used of its core from the trigger to the last arrival. */
  readonly loadShare: number;
}

let audience: Audience | null = null;
let opened = 0;
let fired = 0;
let onDelivery: (bytes: number) => void = () => undefined;

process.on('message', (command: LoadCommand) => void obey(command));
process.on('disconnect', () => process.exit(0));
process.send?.(0);

async function obey(command: LoadCommand): Promise<void> {
  if (command === 'fire') process.send?.(await fire(known()));
  else if ('audience' in command) {
    ({ audience } = command);
    process.send?.('set');
  } else {
    await openUpTo(known(), command.open);
    process.send?.(opened);
  }
}

function known(): Audience {
  if (audience === null) throw new Error('whose audience?');
  return audience;
}

async function openUpTo(whose: Audience, count: number): Promise<void> {
  const openInTurns = async () => {
    while (opened < count) {
      opened += 1;
      await subscribe(whose);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, openInTurns));
}

function subscribe({ port, protocol, request, greetings }: Audience): Promise<void> {
  return new Promise((resolve) => {
    const left = greetings.map(textFrame);
    const next = () => {
      const greeting = left.shift();
      if (greeting !== undefined) socket.write(greeting);
      if (left.length === 0) resolve();
    };
    const reader = new UnitReader(protocol, {
      head: (status) => {
        if (status !== 101 && status !== 200) throw new Error(`a subscriber was answered ${status}`);
        next();
      },
      small: (isPing) => {
        if (isPing) socket.write(PONG);
        else if (left.length > 0) next();
      },
      delivery: (bytes) => onDelivery(bytes),
    });
    const socket: Socket = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: READ_BUFFER,
        callback: (length) => {
          reader.read(READ_BUFFER.subarray(0, length));
          return true;
        },
      },
    });
    socket.on('close', () => {
      throw new Error(`the server on port ${port} closed the connection of a subscriber`);
    });
    socket.write(request);
  });
}

async function fire({ port, triggers }: Audience): Promise<FanOut> {
  const request = triggers[fired % triggers.length] ?? '';
  fired += 1;
  const arrivalsMs = new Float64Array(opened);
  let arrived = 0;
  let length = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const complete = new Promise<void>((resolve) => {
    const giveUp = setTimeout(resolve, PATIENCE_MS);
    onDelivery = (bytes) => {
      arrivalsMs[arrived] = performance.now() - began;
      arrived += 1;
      length = bytes;
      if (arrived < opened) return;
      clearTimeout(giveUp);
      resolve();
    };
  });
  const acknowledged = fetchRaw(port, { name: 'the trigger', request, status: 200 }).then(
    () => performance.now() - began,
  );
  await complete;
  const { user, system } = process.cpuUsage(cpu);
  const loadShare = (user + system) / 1_000 / (performance.now() - began);
  return {
    acknowledgedMs: await acknowledged,
    arrivalsMs: arrivalsMs.subarray(0, arrived),
    bytes: length,
    loadShare,
  };
}

/** Masked by zeros, as a client must mask. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const { length } = payload;
  const header = length <= 125 ? [0x81, 0x80 | length] : [0x81, 0xfe, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([...header, 0, 0, 0, 0]), payload]);
}
