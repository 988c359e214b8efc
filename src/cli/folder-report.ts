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
  finish(): ExitCode;
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
  const entries: FileReport[] = [];
  const counts = new Map<FileEvent, number>();
  return {
    add(entry) {
      counts.set(entry.what, (counts.get(entry.what) ?? 0) + 1);
      if (entry.what === 'unchanged') return;
      if (json) entries.push(entry);
      else process.stdout.write(entryText(entry));
    },
    finish() {
      const summary = Object.fromEntries(counts);
      if (json) process.stdout.write(`${JSON.stringify({ dryRun, counts: summary, files: entries })}\n`);
      else process.stdout.write(`${dryRun ? 'dry run, nothing is changed: ' : ''}${countsText(counts)}\n`);
      return WRONG.some((what) => counts.has(what)) ? EXIT_CODE.FAULTS : EXIT_CODE.DONE;
    },
  };
}

function entryText({ what, path, detail, diffs = [] }: FileReport): string {
  const indented = diffs.map((diff) => diff.replaceAll(/^(?=.)/gm, '    '));
  return `${what.padEnd(WIDTH)}${path}  ${detail}\n${indented.join('')}`;
}

function countsText(counts: ReadonlyMap<FileEvent, number>): string {
  if (counts.size === 0) return 'no prompt files';
  return [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
}
