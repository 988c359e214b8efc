import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { WebSocket as WsWebSocket } from 'ws';
import { createPromptForge } from '../../../src/sdk/client.ts';
import type { PromptForge } from '../../../src/sdk/client.ts';
import { diskCache } from '../../../src/sdk/disk.ts';
import type { FakeServer } from './fake-server.ts';
import type { Client, SavedFile, Step, Transport } from './format.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** The client that is held to the contract, and what it told since somebody last looked. */
export interface Subject {
  readonly client: () => PromptForge;
  /** What the call of ready() right after its making came to: a source, or a code. */
  readonly ready: () => Promise<Readiness>;
  readonly told: { readonly move: string; readonly cursor: string | null }[];
  readonly reasons: string[];
  readonly errors: string[];
  readonly stale: () => number;
  readonly logged: string[];
  /** Something that it began did not get to the server yet, and did not fail either. */
  readonly isTrying: () => boolean;
  readonly hasOneTransport: () => boolean;
  /** Resolves when its newest try is over for it. */
  readonly tryEnded: () => Promise<void>;
  restart(): Promise<void>;
  damage(how: NonNullable<Step['damage']>): Promise<void>;
  stop(): Promise<void>;
  clean(): Promise<void>;
}

export interface Readiness {
  readonly source?: string | undefined;
  readonly code?: string | undefined;
}

interface Options {
  readonly client: Client;
  readonly over: Transport;
  readonly server: FakeServer;
  readonly clock: VirtualClock;
  readonly file: (saved: string | SavedFile) => string;
}

export async function createSubject(options: Options): Promise<Subject> {
  const room = await mkdtemp(join(tmpdir(), 'pf-contract-'));
  const path = join(room, 'prompts.json');
  const { cache } = options.client;
  if (cache !== undefined && cache !== true) await writeFile(path, options.file(cache));
  const heard = {
    told: [] as Subject['told'][number][],
    reasons: [] as string[],
    errors: [] as string[],
    logged: [] as string[],
  };
  let stale = 0;
  const network = watchNetwork(options.server);
  let ready: Promise<Readiness>;
  const start = async (): Promise<PromptForge> => {
    const before = network.begun();
    const client = createPromptForge(clientOptions(options, network, path, heard.logged), {
      clock: options.clock,
    });
    client.on('promoted', ({ slug, from, to, cursor }) =>
      heard.told.push({ move: `${slug}: ${from ?? 'none'} -> ${to}`, cursor }),
    );
    client.on('withdrawn', ({ slug, from, cursor }) =>
      heard.told.push({ move: `${slug}: ${from} -> none`, cursor }),
    );
    client.on('snapshot', ({ reason }) => heard.reasons.push(reason));
    client.on('error', (error) =>
      heard.errors.push(`${'code' in error ? String(error.code) : ''} ${error.message}`),
    );
    client.on('stale', () => (stale += 1));
    ready = readinessOf(client.ready());
    // Until it has read its files and asks the server: that takes real time, and none of its own.
    await vi.waitFor(() => expect(network.begun(), 'it asks nobody').toBeGreaterThan(before), {
      timeout: 3_000,
      interval: 1,
    });
    return client;
  };
  let client = await start();
  return {
    client: () => client,
    ready: () => ready,
    ...heard,
    stale: () => stale,
    isTrying: network.isTrying,
    tryEnded: network.tryEnded,
    hasOneTransport: () => (options.client.transports ?? [options.over]).length === 1,
    restart: async () => {
      await client.close();
      for (const list of Object.values(heard)) list.splice(0);
      client = await start();
    },
    damage: async ({ text, replace, cut }) => {
      await client.close();
      const before = await readFile(path, 'utf8');
      const replaced = replace === undefined ? (text ?? before) : before.replaceAll(...replace);
      await writeFile(path, cut === undefined ? replaced : replaced.slice(0, cut));
    },
    stop: () => client.close(),
    clean: () => rm(room, { recursive: true, force: true }),
  };
}

export async function readinessOf(ready: Promise<{ readonly source: string }>): Promise<Readiness> {
  return ready.then(
    ({ source }) => ({ source }),
    (error: unknown) => ({ code: (error as { code: string }).code }),
  );
}

function clientOptions(
  { client, over, server, file }: Options,
  network: Network,
  path: string,
  logged: string[],
) {
  const { channel, prompts, instance, keys, transports = [over], maxStaleMs, staleAfterMs } = client;
  let asked = 0;
  const given = Object.fromEntries(
    Object.entries({ channel, prompts, instance, maxStaleMs, staleAfterMs }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const [first = ''] = server.urls;
  return {
    ...given,
    url: server.urls.length === 1 ? first : server.urls,
    // The last one for ever.
    apiKey: keys === undefined ? 'pf_first' : () => keys[Math.min(asked++, keys.length - 1)] ?? '',
    transports,
    ...(client.cache === undefined ? {} : { cache: diskCache(path) }),
    ...(client.bootstrap === undefined ? {} : { bootstrap: JSON.parse(file(client.bootstrap)) as never }),
    fetch: network.fetch,
    webSocket: network.webSocket,
    log: (level: string, message: string, details: object) =>
      void logged.push(`${level}: ${message} ${JSON.stringify(details)}`),
  };
}

type Network = ReturnType<typeof watchNetwork>;

/** Counts what the client begins, so that the clock stands still while something is on its way. */
function watchNetwork(server: FakeServer) {
  let begun = 0;
  let failedUnmet = 0;
  const onTheirWay = new Set<Promise<void>>();
  let newest: Promise<void> = Promise.resolve();
  const note = (url: string, end: Promise<unknown>) => {
    const ended = end.then(
      () => undefined,
      () => undefined,
    );
    if (new URL(url).pathname.endsWith('/applied')) {
      onTheirWay.add(ended);
      void ended.then(() => onTheirWay.delete(ended));
      return;
    }
    newest = ended;
    const before = server.met();
    begun += 1;
    // It ended, and no server has met it: it never got there.
    void ended.then(() => (failedUnmet += server.met() === before ? 1 : 0));
  };
  const Base = (globalThis.WebSocket as typeof globalThis.WebSocket | undefined) ?? WsWebSocket;
  class NotedWebSocket extends (Base as typeof globalThis.WebSocket) {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      note(String(url), new Promise((resolve) => this.addEventListener('close', resolve)));
    }
  }
  return {
    fetch: (async (input, init) => {
      const answered = fetch(input, init);
      note(input as string, answered);
      return answered;
    }) as typeof fetch,
    webSocket: NotedWebSocket,
    isTrying: () => begun > server.met() + failedUnmet || onTheirWay.size > 0,
    tryEnded: () => newest,
    begun: () => begun,
  };
}
