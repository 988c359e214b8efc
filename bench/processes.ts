import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
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

/** The production build on an embedded database of its own, as `npm start` runs it, with the key that it prints. */
export async function startPromptForge(pinned: boolean): Promise<Measured & { readonly key: string }> {
  const main = join(ROOT, 'dist', 'main.js');
  if (!existsSync(main)) throw new Error('dist/main.js is missing: npm run build');
  const dataDirectory = await mkdtemp(join(tmpdir(), 'promptforge-bench-'));
  const [program, args] = onServerCore(pinned, [process.execPath, main]);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: '0',
      PROMPTFORGE_DATA_DIR: dataDirectory,
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'warn',
    },
  });
  const text = await untilText(child, /Admin key[^\n]*\n\s*(pf_live_\w+)\n/);
  const port = Number(/ready on http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  const key = /pf_live_\w+/.exec(text)?.[0] ?? '';
  return {
    port,
    key,
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
  const program = join(import.meta.dirname, 'read.ts');
  const [command, args] = onServerCore(pinned, [process.execPath, '--import', 'tsx', program, 'bare']);
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    answer: async (answer) => {
      const set = once(child, 'message');
      child.send(answer);
      await set;
    },
    stop: async () => {
      child.disconnect();
      await exited(child);
    },
  };
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
