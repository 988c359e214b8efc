import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchRaw, loadByNode } from './load-client.ts';
import type { LoadCase, LoadPace, LoadResult } from './load-client.ts';

const SCRIPT = join(import.meta.dirname, 'wrk.lua');
/** Of all numbers of eight digits: so far apart that no two runs send the same one. */
const STEP = 1_000_000;
/** Answers that are under way at the end are counted in bytes and not in number. */
const LENGTH_TOLERANCE = 0.02;
let nextNumber = Math.floor(Math.random() * 50) * STEP;

interface Summary {
  readonly requests: number;
  readonly micros: number;
  readonly bytes: number;
  readonly failed: number;
  readonly latencyMs: readonly number[];
}

export type Load = (port: number, loadCase: LoadCase, pace: LoadPace) => Promise<LoadResult>;

/** wrk where it is installed; else the client of our own, which needs two thirds of a core more for the same load. */
export function chooseLoad(): { readonly load: Load; readonly name: string } {
  if (spawnSync('wrk', ['--version'], { stdio: 'ignore' }).error === undefined)
    return { load: loadByWrk, name: 'wrk' };
  console.error('wrk is not installed (Debian: apt-get install wrk): the load comes from a Node client');
  return { load: loadByNode, name: 'a Node client' };
}

async function loadByWrk(port: number, loadCase: LoadCase, pace: LoadPace): Promise<LoadResult> {
  const { length, head } = await fetchRaw(port, loadCase);
  if (!head.startsWith(`HTTP/1.1 ${loadCase.status} `))
    throw new Error(`${loadCase.name}: unexpected answer ${head}`);
  const directory = await mkdtemp(join(tmpdir(), 'promptforge-wrk-'));
  try {
    const file = join(directory, 'request');
    await writeFile(file, loadCase.request);
    nextNumber = (nextNumber + STEP) % (100 * STEP);
    const seconds = Math.max(1, Math.round(pace.measureMs / 1_000));
    const wrk = ['wrk', '-t1', `-c${pace.connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', SCRIPT];
    const target = [`http://127.0.0.1:${port}/`, '--', file, String(nextNumber), String(pace.pauseMs)];
    return resultOf(await outputOf([...wrk, ...target]), loadCase, length);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What it prints, and then what the shell's `times` says of it. */
async function outputOf(command: readonly string[]): Promise<string> {
  const child = spawn('sh', ['-c', '"$@"; times', 'sh', ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += String(chunk)));
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}

function resultOf(output: string, { name }: LoadCase, length: number): LoadResult {
  const json = /^RESULT (.*)$/m.exec(output)?.[1];
  if (json === undefined) throw new Error(`${name}: wrk gave no result: ${output}`);
  const { requests, micros, bytes, failed, latencyMs } = JSON.parse(json) as Summary;
  if (failed > 0) throw new Error(`${name}: ${failed} of ${requests} requests failed:\n${output}`);
  if (Math.abs(bytes / requests / length - 1) > LENGTH_TOLERANCE)
    throw new Error(`${name}: ${bytes / requests} bytes an answer instead of ${length}`);
  const clientShare = cpuMicros(output) / micros;
  return { answers: requests, perSecond: (requests / micros) * 1e6, clientShare, latencyMs };
}

/** The second line of `times`: user and system time of the children, `0m1.234s 0m0.456s`. */
function cpuMicros(output: string): number {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  const parts = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0) * 1e6;
}
