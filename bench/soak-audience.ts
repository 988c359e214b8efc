// The subscribers of `npx tsx bench/soak.ts`: a process with half of them on WebSockets and half on event streams, half ALL and half LATEST. Each
// comes back with its last cursor when its stream ends.
import { request } from 'node:http';
import { WebSocket } from 'ws';
import { SoakEars } from './soak-ears.ts';
import type { Told } from './soak-ears.ts';

const AT_ONCE = 50;
const RETRY_MS = 1_000;
const QUERY = `subscription Soak($prompts: [String!], $mode: DeliveryMode, $after: String) {
  channelEvents(prompts: $prompts, mode: $mode, after: $after, bookmarks: true) {
    __typename cursor
    ... on VersionPromoted { slug promotion { id } version { number template contentHash } }
  }
}`;

export interface SoakAudience {
  readonly port: number;
  readonly key: string;
  readonly subscribers: number;
  /** Each subscriber follows one of them, in turns. */
  readonly follows: readonly string[];
}

export interface SoakCheck {
  /** What was promoted, in order. */
  readonly told: readonly Told[];
}

export interface SoakTally {
  readonly deliveries: number;
  readonly reconnects: number;
  readonly behind: number;
  readonly faults: readonly string[];
}

let reconnects = 0;
const ears: SoakEars[] = [];
const lost: string[] = [];

process.on('message', (message: SoakAudience | SoakCheck | 'tally') => void obey(message));
process.on('disconnect', () => process.exit(0));
process.send?.(0);

async function obey(message: SoakAudience | SoakCheck | 'tally'): Promise<void> {
  if (message === 'tally') process.send?.(tally([]));
  else if ('told' in message) process.send?.(tally(message.told));
  else {
    await listenAll(message);
    process.send?.('live');
  }
}

function tally(told: readonly Told[]): SoakTally {
  const faults = [
    ...lost,
    ...ears.flatMap((one) => (told.length === 0 ? one.faults : one.faultsAfter(told))),
  ];
  return {
    deliveries: ears.reduce((sum, { heard }) => sum + heard, 0),
    reconnects,
    behind: told.length === 0 ? 0 : ears.filter((one) => one.isBehind(told)).length,
    faults: faults.slice(0, 20),
  };
}

async function listenAll(audience: SoakAudience): Promise<void> {
  let next = 0;
  const inTurns = async () => {
    while (next < audience.subscribers) {
      const index = next;
      next += 1;
      const mode = index % 2 === 0 ? 'ALL' : 'LATEST';
      const one = new SoakEars(audience.follows[index % audience.follows.length] ?? '', mode);
      ears.push(one);
      await listen(audience, one, Math.floor(index / 2) % 2 === 0 ? overWebSocket : overStream);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, inTurns));
}

type Transport = (audience: SoakAudience, one: SoakEars, end: (why: string) => void) => void;

/** Resolves when the subscription is up to date for the first time. */
function listen(audience: SoakAudience, one: SoakEars, transport: Transport): Promise<void> {
  const again = () => {
    transport(audience, one, (why) => {
      reconnects += 1;
      if (!one.isLive && reconnects > audience.subscribers) lost.push(`never live: ${why}`);
      setTimeout(again, Math.random() * RETRY_MS);
    });
  };
  const live = one.live();
  again();
  return live;
}

function payloadOf({ follows, mode, cursor }: SoakEars) {
  return { query: QUERY, variables: { prompts: [follows], mode, after: cursor } };
}

function overWebSocket({ port, key }: SoakAudience, one: SoakEars, end: (why: string) => void): void {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', {
    headers: { authorization: `Bearer ${key}` },
    perMessageDeflate: false,
  });
  const say = (message: object) => socket.send(JSON.stringify(message));
  socket.on('open', () => say({ type: 'connection_init' }));
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { type: string; payload?: unknown };
    if (message.type === 'connection_ack') say({ id: '1', type: 'subscribe', payload: payloadOf(one) });
    else if (message.type === 'ping') say({ type: 'pong' });
    else if (message.type === 'next') one.hear(message.payload);
    else socket.close();
  });
  socket.on('error', () => undefined);
  socket.on('close', (code) => end(`close code ${code}`));
}

function overStream({ port, key }: SoakAudience, one: SoakEars, end: (why: string) => void): void {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    accept: 'text/event-stream',
  };
  const sent = request({ port, path: '/graphql', method: 'POST', headers, agent: false });
  sent.on('error', (error) => end(error.message));
  sent.on('response', (response) => {
    let rest = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^event: next\ndata: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) one.hear(JSON.parse(data));
      }
    });
    response.on('error', () => undefined);
    response.on('close', () => end(`status ${response.statusCode}`));
  });
  sent.end(JSON.stringify(payloadOf(one)));
}
