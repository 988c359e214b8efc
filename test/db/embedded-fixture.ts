import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';
import type {
  EmbeddedConnection,
  EmbeddedServer,
  EmbeddedServerOptions,
} from '../../src/db/embedded-server.ts';
import { startEmbeddedServer } from '../../src/db/embedded-server.ts';

export const isRoot = process.getuid?.() === 0;
export const isLinux = process.platform === 'linux';

const patienceMs = 20_000;
/** Small files, so that a copy of a data directory is quick. */
const smallSettings = { max_wal_size: '32MB', min_wal_size: '32MB', shared_buffers: '16MB' };

/** A directory of the test's own, which other accounts may pass through, as they may through most. */
export async function makeRoom(): Promise<string> {
  const room = await mkdtemp(join(tmpdir(), 'pf-'));
  await chmod(room, 0o755);
  onTestFinished(() => rm(room, { recursive: true, force: true }));
  return room;
}

/** Starts in this process, and stops when the test ends. */
export async function start(
  options: Partial<EmbeddedServerOptions> & { dataDirectory: string },
): Promise<EmbeddedServer> {
  const settings = { ...smallSettings, ...options.settings };
  const server = await startEmbeddedServer({ log: () => undefined, ...options, settings });
  onTestFinished(() => server.stop());
  return server;
}

let template: Promise<string> | undefined;

/** A data directory in which a server has run and stopped; made once a file, because initdb takes its time. */
export async function makeDataDirectory(): Promise<string> {
  template ??= makeTemplate();
  const dataDirectory = join(await makeRoom(), 'data');
  await mkdir(dataDirectory);
  await cp(join(await template, 'postgres'), join(dataDirectory, 'postgres'), { recursive: true });
  return dataDirectory;
}

export async function removeTemplate(): Promise<void> {
  if (template) await rm(await template, { recursive: true, force: true });
}

async function makeTemplate(): Promise<string> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'pf-template-'));
  const server = await startEmbeddedServer({ dataDirectory, settings: smallSettings, log: () => undefined });
  await server.stop();
  return dataDirectory;
}

export async function ask(connection: EmbeddedConnection, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...connection });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** False also for a process that has ended and that nobody has collected, as happens to orphans in containers. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isLinux || !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Polls until the condition holds; fails, rather than hangs, when it never does. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The next line that the program printed, parsed; it prints `{ error, pid }` when the start failed. */
  readonly next: () => Promise<Record<string, unknown>>;
  readonly exited: Promise<unknown>;
}

const serverUrl = new URL('../../src/db/embedded-server.ts', import.meta.url).href;
const program = `
  import { startEmbeddedServer } from ${JSON.stringify(serverUrl)};
  const tell = (line) => console.log(JSON.stringify(line));
  try {
    const server = await startEmbeddedServer({ dataDirectory: process.env.DATA, log: () => undefined });
    tell({ ...server.connection, postmaster: server.pid });
    process.stdin.once('data', async () => { await server.stop(); process.stdin.destroy(); tell({ stopped: true }); });
  } catch (error) {
    tell({ error: error.name, pid: error.pid, message: error.message });
  }
`;

/** A server in a Node process of its own: one that can be killed. Anything written to its stdin stops it. */
export function spawnServer(
  dataDirectory: string,
  account: { uid?: number; gid?: number } = {},
): ServerProcess {
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program];
  const child = spawn(process.execPath, args, {
    env: { DATA: dataDirectory, PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: '/',
    ...account,
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    const file = join(dataDirectory, 'postgres', 'postmaster.pid');
    await until('PostgreSQL has gone', () => !existsSync(file));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse(String((await lines.next()).value)) as Record<string, unknown>;
  return { child, pid: child.pid ?? 0, next, exited: once(child, 'exit') };
}

/** The process numbers of the children of a process, Linux only. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

export async function parentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]);
}
