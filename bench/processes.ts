import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, Serializable } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BareAnswer } from './bare-server.ts';

/** Of util-linux; where it is missing nothing is pinned. */
const PINNER = 'taskset';
const SERVER_CORE = '0';
const CLIENT_CORE = '1';
const ROOT = join(import.meta.dirname, '..');
/** Ends the server when the benchmark is gone, however that ended. */
const PROBE = join(import.meta.dirname, 'probe.mjs');

/** Servers on one core, this process, the load, on another, where the machine has two and taskset. */
export function pinThisProcess(): boolean {
  if (availableParallelism() < 2) return false;
  return (
    spawnSync(PINNER, ['-a', '-c', '-p', CLIENT_CORE, String(process.pid)], { stdio: 'ignore' }).status === 0
  );
}

export function onServerCore(pinned: boolean, command: readonly string[]): [string, string[]] {
  const [program = '', ...args] = pinned ? [PINNER, '-c', SERVER_CORE, ...command] : command;
  return [program, args];
}

export interface Measured {
  readonly port: number;
  stop(): Promise<void>;
}

export interface PromptForge extends Measured {
  /** Of a consumer: it may read. */
  readonly key: string;
  readonly adminKey: string;
  readonly dataDirectory: string;
  readonly child: ChildProcess;
  /** Of its PostgreSQL, which starts on the server's core. */
  moveDatabase(to: 'server core' | 'client core'): void;
}

/** The production build on an embedded database of its own, as `npm start` runs it, with the key that it prints. */
export async function startPromptForge(
  pinned: boolean,
  nodeOptions: readonly string[] = [],
): Promise<PromptForge> {
  const main = join(ROOT, 'dist', 'main.js');
  if (!existsSync(main)) throw new Error('dist/main.js is missing: npm run build');
  const dataDirectory = await mkdtemp(join(tmpdir(), 'promptforge-bench-'));
  const [program, args] = onServerCore(pinned, [process.execPath, ...nodeOptions, '--import', PROBE, main]);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: environment(dataDirectory),
  });
  const text = await untilText(child, /Admin key[^\n]*\n\s*(pf_live_\w+)\n/);
  const port = Number(/ready on http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  const adminKey = /pf_live_\w+/.exec(text)?.[0] ?? '';
  return {
    port,
    adminKey,
    dataDirectory,
    key: await readerKey(port, adminKey),
    child,
    moveDatabase: (to) => {
      if (pinned) moveChildren(child, to === 'client core' ? CLIENT_CORE : SERVER_CORE);
    },
    stop: async () => {
      await stopServer(child);
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

function environment(dataDirectory: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: '0',
    PROMPTFORGE_DATA_DIR: dataDirectory,
    LOG_FORMAT: 'json',
    LOG_LEVEL: 'warn',
    // Counted, as everywhere, but never refused: the load comes with one key from one address.
    RATE_LIMIT_KEY: '1000000',
    RATE_LIMIT_ADDRESS: '1000000',
  };
}

async function readerKey(port: number, adminKey: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      query:
        'mutation { createApiKey(input: { name: "bench", role: SERVICE }) { ... on CreatedApiKey { key } } }',
    }),
  });
  const text = await response.text();
  const key = /pf_live_\w+/.exec(text)?.[0];
  if (key === undefined) throw new Error(`no key for the readers: ${text}`);
  return key;
}

/** All that descends from the server: its PostgreSQL, the processes of which are forked from one of its children. */
function moveChildren(server: ChildProcess, core: string): void {
  const table = spawnSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout;
  const pairs = [...table.matchAll(/^\s*(\d+)\s+(\d+)$/gm)].map(([, pid, parent]) => ({ pid, parent }));
  const found = new Set([String(server.pid)]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const { pid, parent } of pairs) if (found.has(parent ?? '')) found.add(pid ?? '');
  }
  found.delete(String(server.pid));
  for (const pid of found) spawnSync(PINNER, ['-a', '-c', '-p', core, pid], { stdio: 'ignore' });
}

async function untilText(child: ChildProcess, wanted: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (wanted.test(text)) return text;
  }
  throw new Error(`the server ended before it was ready: ${text}`);
}

export interface Bare extends Measured {
  readonly child: ChildProcess;
  answer(answer: BareAnswer): Promise<void>;
}

/** The bare server: this program again, with the word that makes it one. */
export async function startBare(pinned: boolean): Promise<Bare> {
  const { child, port } = await startProgram('read.ts', ['bare'], {
    serverCore: pinned,
    nodeOptions: ['--import', PROBE],
  });
  return {
    port,
    child,
    answer: async (answer) => {
      await ask(child, { ...answer });
    },
    stop: () => stopProgram(child),
  };
}

/** Other GraphQL servers, of peers.mjs: all answer the same. */
export async function startPeers(
  pinned: boolean,
  names: readonly string[],
  answer: string,
): Promise<Readonly<Record<string, Measured>>> {
  const started = names.map(async (name): Promise<[string, Measured]> => {
    const { child, port } = await startProgram('peers.mjs', [name, answer], { serverCore: pinned });
    return [name, { port, stop: () => stopProgram(child) }];
  });
  return Object.fromEntries(await Promise.all(started));
}

/** A program of this directory; the first thing that it says is its port, 0 when it has none. It ends by itself when it is disconnected. */
export async function startProgram(
  file: string,
  args: readonly string[],
  {
    serverCore,
    nodeOptions = [],
  }: { readonly serverCore: boolean; readonly nodeOptions?: readonly string[] },
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const program = [
    process.execPath,
    ...nodeOptions,
    '--import',
    'tsx',
    join(import.meta.dirname, file),
    ...args,
  ];
  const [command, rest] = onServerCore(serverCore, program);
  const child = spawn(command, rest, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  return { child, port: await answerOf<number>(child) };
}

/** One question at a time. */
export async function ask<Answer>(child: ChildProcess, question: Serializable): Promise<Answer> {
  const answer = answerOf<Answer>(child);
  child.send(question);
  return answer;
}

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('a process of the benchmark ended too early');
  });
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal }), ended])) as [Answer];
    return answer;
  } finally {
    over.abort();
  }
}

export async function stopProgram(child: ChildProcess): Promise<void> {
  if (child.connected) child.disconnect();
  await exited(child);
}

export async function stopServer(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await exited(child);
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
