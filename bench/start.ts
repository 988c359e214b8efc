// How long a node takes to start on a large registry, and what it then weighs: T18. Writes its section of docs/benchmarks.md.
//   npm run bench:start
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { copyLargeData } from './large-data.ts';
import { writeSection } from './page.ts';
import { keepResults } from './results.ts';
import { writeTargets } from './targets.ts';

const PROMPTS = 10_000;
const VERSIONS = 20;
const TEMPLATE_BYTES = 2_000;
const STARTS = Number(process.env['BENCH_STARTS'] ?? 5);
const KEY = 'the-admin-key-of-the-start-benchmark';
const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
/** By then the node has loaded again what was hot, and has been idle. */
const SETTLED_MS = 3_000;
const MIB = 2 ** 20;

interface Start {
  /** From the start of the process to the line that says ready. */
  readonly readyMs: number;
  /** From that line to the answer of a prompt that nobody asked for yet. */
  readonly firstReadMs: number;
  readonly residentMib: number;
  /** Of the embedded PostgreSQL, memory that its processes share counted once. */
  readonly databaseMib: number;
  /** After every prompt was read once. */
  readonly residentFullMib: number;
}

const dataDirectory = join(tmpdir(), `promptforge-bench-start-${process.pid}`);
await copyLargeData(dataDirectory, { prompts: PROMPTS, versions: VERSIONS, templateBytes: TEMPLATE_BYTES });
const starts: Start[] = [];
try {
  for (let index = 0; index < STARTS; index += 1) starts.push(await start(index === STARTS - 1));
} finally {
  await rm(dataDirectory, { recursive: true, force: true });
}
const figures = {
  readyMs: median(starts.map(({ readyMs }) => readyMs)),
  slowestMs: Math.max(...starts.map(({ readyMs }) => readyMs)),
  firstReadMs: median(starts.map(({ firstReadMs }) => firstReadMs)),
  residentMib: median(starts.map(({ residentMib }) => residentMib)),
  databaseMib: median(starts.map(({ databaseMib }) => databaseMib)),
  residentFullMib: starts.at(-1)?.residentFullMib ?? 0,
};
console.log(JSON.stringify({ figures, starts }));
await keepResults('start', {
  command: 'npm run bench:start',
  targets: [
    target('cold start with 10,000 prompts of 20 versions to ready', 3, figures.readyMs / 1_000, 's'),
    target('resident memory then, every prompt read once', 500, figures.residentFullMib, 'MiB'),
  ],
  data: figures,
});
await writeSection('Start', sectionText());
await writeTargets();

function target(what: string, bound: number, measured: number, unit: string) {
  return { target: 'T18', what, comparison: '<=', bound, measured, unit } as const;
}

async function start(readAll: boolean): Promise<Start> {
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      PORT: '0',
      PROMPTFORGE_DATA_DIR: dataDirectory,
      PROMPTFORGE_ADMIN_KEY: KEY,
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'warn',
      // Counted, as everywhere, but never refused.
      RATE_LIMIT_KEY: '1000000',
      RATE_LIMIT_ADDRESS: '1000000',
    },
  });
  const url = await readyUrl(child);
  const readyMs = performance.now() - began;
  await fetchPrompt(url, 7_777);
  const firstReadMs = performance.now() - began - readyMs;
  await delay(SETTLED_MS);
  const residentMib = await residentOf(child.pid ?? 0);
  const databaseMib = await databaseResident(child.pid ?? 0);
  if (readAll) for (let number = 1; number <= PROMPTS; number += 1) await fetchPrompt(url, number);
  const residentFullMib = await residentOf(child.pid ?? 0);
  child.kill('SIGTERM');
  await once(child, 'exit');
  return { readyMs, firstReadMs, residentMib, databaseMib, residentFullMib };
}

async function readyUrl(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const url = /ready on (http:\/\/[\d.:]+)/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`the server ended before it was ready: ${text}`);
}

async function fetchPrompt(url: string, number: number): Promise<void> {
  const topic = String(Math.floor((number - 1) / 100)).padStart(3, '0');
  const slug = `topic-${topic}/prompt-${String(number).padStart(6, '0')}`;
  const answer = await fetch(`${url}/v1/prompts/${slug}`, { headers: { authorization: `Bearer ${KEY}` } });
  if (answer.status !== 200) throw new Error(`${slug} is answered with ${answer.status}`);
  await answer.arrayBuffer();
}

async function residentOf(pid: number, field = 'VmRSS'): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)?.[1] ?? 0) / 1_024;
}

/** Proportional: what processes share is divided among them. */
async function databaseResident(pid: number): Promise<number> {
  const children = await descendants(pid);
  const sizes = await Promise.all(
    children.map(async (child) => {
      const text = await readFile(`/proc/${child}/smaps_rollup`, 'utf8').catch(() => '');
      return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1_024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0) / MIB;
}

async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.split(' ').filter(Boolean).map(Number);
  const below = await Promise.all(children.map((child) => descendants(child)));
  return [...children, ...below.flat()];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function sectionText(): string {
  const { readyMs, slowestMs, firstReadMs, residentMib, databaseMib, residentFullMib } = figures;
  const row = (what: string, value: number, unit: string) => `| ${what} | ${value.toFixed(0)} ${unit} |`;
  return `A node with the embedded PostgreSQL on a data directory of ${PROMPTS.toLocaleString('en-US')} prompts with ${VERSIONS} versions of ${TEMPLATE_BYTES.toLocaleString('en-US')} bytes, ${STARTS} starts, its files in the
memory of the operating system from the start before.

| | |
|---|---|
${[
  row('from the start of the process to ready, median', readyMs, 'ms'),
  row('slowest', slowestMs, 'ms'),
  row('first read of a prompt after that', firstReadMs, 'ms'),
  row('resident memory of the node', residentMib, 'MiB'),
  row('resident memory when every prompt was read once', residentFullMib, 'MiB'),
  row('of the embedded PostgreSQL', databaseMib, 'MiB'),
].join('\n')}

Again: \`npm run bench:start\`.`;
}
