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

/** Servers on one core, this process, the load, on another, where the machine has two and taskset. */
export function pinThisProcess(): boolean {
  if (availableParallelism() < 2) return false;
  return (
    spawnSync(PINNER, ['-a', '-c', '-p', CLIENT_CORE, String(process.pid)], { stdio: 'ignore' }).status === 0
  );
}

function onServerCore(pinned: boolean, command: readonly string[]): [string, string[]] {
  const [program = '', ...args] = pinned ? [PINNER, '-c', SERVER_CORE, ...command] : command;
  return [program, args];
}

export interface Measured {
  readonly port: number;
  stop(): Promise<void>;
}

export interface PromptForge extends Measured {
  readonly key: string;
  readonly child: ChildProcess;
}

/** The production build on an embedded database of its own, as `npm start` runs it, with the key that it prints. */
export async function startPromptForge(
  pinned: boolean,
  nodeOptions: readonly string[] = [],
): Promise<PromptForge> {
  const main = join(ROOT, 'dist', 'main.js');
  if (!existsSync(main)) throw new Error('dist/main.js is missing: npm run build');
  const dataDirectory = await mkdtemp(join(tmpdir(), 'promptforge-bench-'));
  const [program, args] = onServerCore(pinned, [process.execPath, ...nodeOptions, main]);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: {
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
    },
  });
  const text = await untilText(child, /Admin key[^\n]*\n\s*(pf_live_\w+)\n/);
  const port = Number(/ready on http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  const key = /pf_live_\w+/.exec(text)?.[0] ?? '';
  return {
    port,
    key,
    child,
    stop: async () => {
      child.kill('SIGTERM');
      await exited(child);
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

async function untilText(child: ChildProcess, wanted: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (wanted.test(text)) return text;
  }
  throw new Error(`the server ended before it was ready: ${text}`);
}

/** The bare server: this program again, with the word that makes it one. */
export async function startBare(
  pinned: boolean,
): Promise<Measured & { answer(answer: BareAnswer): Promise<void> }> {
  const { child, port } = await startProgram('read.ts', ['bare'], { serverCore: pinned });
  return {
    port,
    answer: async (answer) => {
      await ask(child, { ...answer });
    },
    stop: () => stopProgram(child),
  };
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

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
