import { harmless, inline, paint, print, printJson } from './output.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';

/** What happened to a file of a folder, or would happen. */
type FileEvent =
  /** pull: written for the first time; brought up to the server's version; both sides together; deleted. */
  | 'new'
  | 'updated'
  | 'merged'
  | 'removed'
  /** pull: the file says something else than the server, and stays. */
  | 'edited'
  | 'local'
  | 'gone'
  /** push: a new prompt, a new version, or what the server has already. */
  | 'created'
  | 'saved'
  | 'known'
  | 'unchanged'
  /** Both: neither side is changed. */
  | 'conflict'
  | 'fault';

export interface FileReport {
  readonly what: FileEvent;
  readonly path: string;
  readonly detail: string;
  /** Unified diffs, each with its title. */
  readonly diffs?: readonly string[];
}

export interface FolderReport {
  add(entry: FileReport): void;
  /** Takes the rest, as it comes, and sums up; also when that ends early, with what was done until then. */
  all(entries: AsyncIterable<FileReport>): Promise<ExitCode>;
}

const WRONG: readonly FileEvent[] = ['conflict', 'fault'];
const WIDTH = 10;

/** Says what becomes of each file when it is known; what is unchanged is only counted. With `json` one object at the end. */
export function folderReport({
  json,
  dryRun,
}: {
  readonly json: boolean;
  readonly dryRun: boolean;
}): FolderReport {
  const listed: FileReport[] = [];
  const counts = new Map<FileEvent, number>();
  const add = (entry: FileReport): void => {
    counts.set(entry.what, (counts.get(entry.what) ?? 0) + 1);
    if (entry.what === 'unchanged') return;
    if (json) listed.push(entry);
    else print(entryText(entry));
  };
  return {
    add,
    async all(entries) {
      try {
        for await (const entry of entries) add(entry);
      } finally {
        if (json) printJson({ dryRun, counts: Object.fromEntries(counts), files: listed });
        else print(`${dryRun ? 'dry run, nothing is changed: ' : ''}${countsText(counts)}\n`);
      }
      return WRONG.some((what) => counts.has(what)) ? EXIT_CODE.FAULTS : EXIT_CODE.DONE;
    },
  };
}

function entryText({ what, path, detail, diffs = [] }: FileReport): string {
  const lines = diffs
    .flatMap((diff) => harmless(diff).trimEnd().split('\n'))
    .map((line) => `    ${painted(line)}\n`);
  const word = what.padEnd(WIDTH);
  return `${WRONG.includes(what) ? paint('red', word) : word}${inline(path)}  ${inline(detail)}\n${lines.join('')}`;
}

function painted(line: string): string {
  if (/^(---|\+\+\+) /.test(line)) return paint('bold', line);
  if (line.startsWith('+')) return paint('green', line);
  return line.startsWith('-') ? paint('red', line) : line;
}

function countsText(counts: ReadonlyMap<FileEvent, number>): string {
  if (counts.size === 0) return 'no prompt files';
  return [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
}
