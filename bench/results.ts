import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { machine } from './machine.ts';

const DIRECTORY = join(import.meta.dirname, 'results');

/** A line of the table of targets. */
export interface Target {
  /** T1 to T18. */
  readonly target: string;
  readonly what: string;
  readonly comparison: '<=' | '>=';
  readonly bound: number;
  readonly measured: number;
  /** Of both figures; absent: they are ratios. */
  readonly unit?: string;
}

/** What a part of the benchmark leaves behind: its last full run. */
export interface Results<Data = unknown> {
  readonly command: string;
  readonly machine: string;
  readonly date: string;
  readonly targets: readonly Target[];
  readonly data: Data;
}

/** Writes bench/results/<part>.json, which is committed. */
export async function keepResults<Data>(
  part: string,
  { command, targets, data }: Pick<Results<Data>, 'command' | 'targets' | 'data'>,
): Promise<void> {
  const results: Results<Data> = {
    command,
    machine: machine(),
    date: new Date().toISOString().slice(0, 10),
    targets,
    data,
  };
  await mkdir(DIRECTORY, { recursive: true });
  await writeFile(join(DIRECTORY, `${part}.json`), `${JSON.stringify(results, rounded, 1)}\n`);
}

/** Null when this part never ran. */
export async function resultsOf<Data>(part: string): Promise<Results<Data> | null> {
  try {
    return JSON.parse(await readFile(join(DIRECTORY, `${part}.json`), 'utf8')) as Results<Data>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Four digits are more than any of these figures deserves. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
