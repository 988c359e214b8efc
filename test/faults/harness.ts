import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, connect as connectSocket } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { EmbeddedConnection } from '../../src/db/embedded-server.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PATIENCE_MS = 120_000;

export const ADMIN_KEY = 'the-admin-key-of-the-fault-runs';
export const SMALL_POSTGRES = { max_wal_size: '32MB', min_wal_size: '32MB', shared_buffers: '16MB' };

/** Numbers that are the same in every run of the same seed (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Polls until the condition holds; fails, rather than hangs, when it never does. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}

/** A directory that other accounts may pass through: as root, PostgreSQL runs under one of them. */
export async function makeRoom(): Promise<string> {
  const room = await mkdtemp(join(tmpdir(), 'pf-fault-'));
  await chmod(room, 0o755);
  return room;
}

export async function removeRoom(room: string): Promise<void> {
  // An orphaned PostgreSQL may still be writing its last files.
  await rm(room, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}

/** A port that nobody listens on, for what must come back under the same address. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface ServerProcess {
  readonly url: string;
  readonly child: ChildProcess;
  readonly isRunning: () => boolean;
  readonly output: () => string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** The server as `npm start` runs it, from source, in a process of its own. */
export async function startServerProcess(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'src', 'main.ts')], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      PORT: '0',
      PROMPTFORGE_ADMIN_KEY: ADMIN_KEY,
      PROMPTFORGE_DEMO: 'false',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = once(child, 'exit');
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const readyUrl = () => /PromptForge ready on (\S+)\/graphql/.exec(output)?.[1];
  await until('the server is ready', () => {
    if (!isRunning()) throw new Error(`the server ended: ${output}`);
    return readyUrl() !== undefined;
  });
  return {
    url: readyUrl() ?? '',
    child,
    isRunning,
    output: () => output,
    kill: async (signal) => {
      child.kill(signal);
      await exited;
    },
  };
}

export interface Reply {
  readonly data?: Record<string, unknown>;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

export async function post(url: string, query: string, variables: object = {}): Promise<Reply> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(30_000),
  });
  return (await response.json()) as Reply;
}

/** Process numbers of a postmaster and of all its children, from the data directory. Linux. */
export async function postgresProcesses(dataDirectory: string): Promise<number[]> {
  const pid = Number(
    (await readFile(join(dataDirectory, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0],
  );
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return [pid, ...children.trim().split(' ').filter(Boolean).map(Number)];
}

export async function withClient<T>(
  connection: EmbeddedConnection,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...connection });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export interface ChaosProxy {
  readonly url: (database: string) => string;
  /** What happens to the database's answer to the next COMMITs, one entry each; then they pass. */
  readonly plan: ('cut' | { readonly delayMs: number })[];
  /** How many answers were tampered with. */
  readonly tampered: () => number;
  close(): Promise<void>;
}

/** Stands before PostgreSQL and can lose or delay its answer to a COMMIT: after the commit, before the client knows. */
export async function startChaosProxy(upstream: {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}): Promise<ChaosProxy> {
  const plan: ChaosProxy['plan'] = [];
  const sockets = new Set<Socket>();
  let tampered = 0;
  const server = createServer((client) => {
    const database = connectSocket(join(upstream.host, `.s.PGSQL.${upstream.port}`));
    let next: ChaosProxy['plan'][number] | undefined;
    const cut = () => {
      client.destroy();
      database.destroy();
    };
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (chunk) => {
      if (chunk.includes('COMMIT')) next = plan.shift();
      database.write(chunk);
    });
    // Statements sent before COMMIT may be answered after it was sent: theirs pass. What is late holds up what comes after it.
    let held: Promise<unknown> | undefined;
    const pass = (chunk: Buffer) => client.writable && client.write(chunk);
    database.on('data', (chunk) => {
      const fate = /(COMMIT|ROLLBACK)\0/.test(chunk.toString('latin1')) ? next : undefined;
      if (fate !== undefined) {
        next = undefined;
        tampered += 1;
        if (fate === 'cut') return cut();
        held = sleep(fate.delayMs);
      }
      if (held === undefined) pass(chunk);
      else held = held.then(() => pass(chunk));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: (database) => `postgresql://${upstream.user}@127.0.0.1:${port}/${database}`,
    plan,
    tampered: () => tampered,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
