import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';

const ROOT = join(import.meta.dirname, '..', '..');

export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  /** Everything it has printed so far. */
  readonly output: () => string;
  readonly errors: () => string;
  /** Sends the signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** An empty directory that any account may enter, gone with `remove`. */
export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'promptforge-process-'));
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Starts the built server as a user does, and waits for its ready line. `prefix`: a command that runs it elsewhere. */
export async function startServerProcess(
  env: Record<string, string>,
  prefix: readonly string[] = [],
  args: readonly string[] = ['dist/main.js'],
): Promise<ServerProcess> {
  const { child, output, errors } = run(args, { PORT: '0', ...env }, prefix);
  const url = await readyUrl(child, output, errors);
  const stop: ServerProcess['stop'] = async (signal) => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    return { code: child.exitCode, signal: child.signalCode };
  };
  return { url, pid: child.pid ?? 0, output, errors, stop };
}

/** Runs one of the entry points to its end. */
export async function runToEnd(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  const { child, output, errors } = run(args, env);
  await once(child, 'close');
  return { code: child.exitCode, output: output(), errors: errors() };
}

/** Starts one of the entry points, and leaves the rest to the caller. `prefix`: a command that runs it elsewhere. */
export function run(args: readonly string[], env: Record<string, string>, prefix: readonly string[] = []) {
  const [command = '', ...rest] = [...prefix, process.execPath, ...args];
  const child = spawn(command, rest, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = [collect(child.stdout), collect(child.stderr)];
  return { child, output, errors };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => (text += chunk));
  return () => text;
}

async function readyUrl(child: ChildProcess, output: () => string, errors: () => string): Promise<string> {
  for (;;) {
    const url = /^(?:PromptForge ready on|\{"ready":true,"url":") ?(http:[^\s"]+?)(?:\/graphql$|",)/m.exec(
      output(),
    )?.[1];
    if (url !== undefined) return url;
    if (child.exitCode !== null)
      throw new Error(`the server ended with ${child.exitCode}: ${errors()}${output()}`);
    await Promise.race([once(child, 'exit'), child.stdout === null ? undefined : once(child.stdout, 'data')]);
  }
}
