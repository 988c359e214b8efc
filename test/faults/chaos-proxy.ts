import { once } from 'node:events';
import { connect as connectSocket, createServer } from 'node:net';
import type { AddressInfo, NetConnectOpts, Socket } from 'node:net';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  /** What PostgreSQL's clients call themselves (`application_name`); empty for anything else. */
  name: string;
}

/** Says of which connections; all of them when left out. */
export type Which = (name: string) => boolean;
const ALL: Which = () => true;

/** Stands between two that speak TCP, and can cut, stall and refuse. */
export interface ChaosProxy {
  readonly port: number;
  readonly open: (which?: Which) => number;
  cut(which?: Which): number;
  /** Nothing passes any more, in either direction, and nobody is told: half open. New connections hang as well. */
  stall(which?: Which): void;
  flow(): void;
  /** New connections are closed at once. */
  refuse(isRefusing: boolean): void;
  /** Every piece waits so long before it is passed on. */
  delay(ms: number): void;
  close(): Promise<void>;
}

/** @param target is asked at every connection. */
export async function startProxy(target: () => NetConnectOpts, host = '127.0.0.1'): Promise<ChaosProxy> {
  const pairs = new Set<Pair>();
  let stalled: Which = () => false;
  let isRefusing = false;
  let delayMs = 0;
  const server = createServer((client) => {
    if (isRefusing) {
      client.destroy();
      return;
    }
    const pair: Pair = { client, upstream: connectSocket(target()), name: '' };
    pairs.add(pair);
    pass(pair, {
      onEnd: () => pairs.delete(pair),
      isStalled: () => stalled(pair.name),
      delayMs: () => delayMs,
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  const chosen = (which: Which) => [...pairs].filter(({ name }) => which(name));
  const cut = (which: Which = ALL) => chosen(which).map(({ client }) => client.destroy()).length;
  return {
    port: (server.address() as AddressInfo).port,
    open: (which = ALL) => chosen(which).length,
    cut,
    stall: (which = ALL) => {
      stalled = which;
      for (const { client, upstream } of chosen(which)) {
        client.pause();
        upstream.pause();
      }
    },
    flow: () => {
      stalled = () => false;
      for (const { client, upstream } of pairs) {
        client.resume();
        upstream.resume();
      }
    },
    refuse: (value) => {
      isRefusing = value;
    },
    delay: (ms) => {
      delayMs = ms;
    },
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Fate {
  readonly onEnd: () => void;
  readonly isStalled: () => boolean;
  readonly delayMs: () => number;
}

function pass(pair: Pair, { onEnd, isStalled, delayMs }: Fate): void {
  const { client, upstream } = pair;
  const end = () => {
    client.destroy();
    upstream.destroy();
    onEnd();
  };
  const forward = (from: Socket, to: Socket) => (chunk: Buffer) => {
    if (from === client && pair.name === '') pair.name = applicationName(chunk);
    const write = () => {
      if (to.writable && !to.write(chunk)) from.pause();
    };
    if (delayMs() > 0) setTimeout(write, delayMs());
    else write();
    if (!isStalled()) return;
    client.pause();
    upstream.pause();
  };
  client.on('data', forward(client, upstream)).on('drain', () => !isStalled() && upstream.resume());
  upstream.on('data', forward(upstream, client)).on('drain', () => !isStalled() && client.resume());
  for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
}

/** From the start-up message, whose texts are zero-terminated pairs. */
function applicationName(chunk: Buffer): string {
  return /application_name\0([^\0]*)\0/.exec(chunk.toString('latin1'))?.[1] ?? '';
}
