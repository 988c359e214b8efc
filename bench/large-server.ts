import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyLargeData } from './large-data.ts';
import type { LargeData } from './large-data.ts';
import { onServerCore } from './processes.ts';

const ROOT = join(import.meta.dirname, '..');
const PROBE = join(import.meta.dirname, 'probe.mjs');

export interface LargeServer {
  readonly data: LargeData;
  readonly port: number;
  readonly key: string;
  /** The series of /metrics, of one reading: each begins the event loop's percentiles anew. */
  metrics(): Promise<(name: string) => number>;
  stop(): Promise<void>;
}

/** The production build over a large registry, a copy of its own. */
export async function startLargeServer(isPinned: boolean, data: LargeData): Promise<LargeServer> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'promptforge-bench-'));
  // PostgreSQL runs as another account where this is root's.
  await chmod(dataDirectory, 0o755);
  await copyLargeData(join(dataDirectory, 'data'), data);
  const [program, args] = onServerCore(isPinned, [
    process.execPath,
    '--import',
    PROBE,
    join(ROOT, 'dist', 'main.js'),
  ]);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: '0',
      PROMPTFORGE_DATA_DIR: join(dataDirectory, 'data'),
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'warn',
      RATE_LIMIT_KEY: '1000000',
      RATE_LIMIT_ADDRESS: '1000000',
    },
  });
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (/Admin key[^\n]*\n\s*(pf_live_\w+)\n/.test(text)) break;
  }
  const port = Number(/ready on http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  const key = /pf_live_\w+/.exec(text)?.[0];
  if (key === undefined) throw new Error(`the server ended before it was ready: ${text}`);
  return {
    data,
    port,
    key,
    metrics: async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
        headers: { authorization: `Bearer ${key}` },
      });
      const lines = (await answer.text()).split('\n');
      return (name) =>
        Number(lines.find((one) => one.startsWith(`${name} `))?.slice(name.length + 1) ?? Number.NaN);
    },
    stop: async () => {
      if (child.exitCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        await exited;
      }
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}
