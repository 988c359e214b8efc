import { appendFileSync, readFileSync } from 'node:fs';
import type { FinalState } from './witness.ts';

export interface Item {
  readonly slug: string;
  readonly version: number;
}

/** What a client asked to follow. */
export interface Follows {
  readonly channel: string;
  /** Slugs and folders ("support/*"); null: all. */
  readonly prompts: readonly string[] | null;
  readonly mode: 'ALL' | 'LATEST';
}

/** A frame as a client had it. The event stream names no promotion, and a cursor only where a commit ends. */
export type Frame =
  | ({ readonly kind: 'promoted' | 'withdrawn'; readonly promotion: string | null } & Place & Moved)
  | ({ readonly kind: 'snapshot'; readonly reason: string; readonly complete: boolean } & Place & Entries)
  | ({ readonly kind: 'bookmark'; readonly lagMs: number } & Place)
  | { readonly kind: 'unknown'; readonly type: string };

interface Place {
  readonly cursor: string | null;
  readonly more: boolean;
}

interface Moved {
  readonly slug: string;
  /** Null: withdrawn. */
  readonly version: number | null;
}

interface Entries {
  readonly entries: readonly Item[];
}

/** One line of what happened, as its clients saw it; `state` is what the database held at the end, or before a restore. */
export type Entry =
  | { readonly what: 'invoke'; readonly op: string; readonly items: readonly Item[] }
  | { readonly what: 'ok'; readonly op: string; readonly promotions: readonly string[] }
  | { readonly what: 'fail' | 'unknown'; readonly op: string; readonly why: string }
  | { readonly what: 'join'; readonly client: string; readonly follows: Follows }
  | {
      readonly what: 'connect';
      readonly client: string;
      readonly after: string | null;
      readonly node: string;
    }
  | { readonly what: 'frame'; readonly client: string; readonly frame: Frame }
  | { readonly what: 'disconnect'; readonly client: string; readonly why: string }
  | {
      readonly what: 'leave';
      readonly client: string;
      readonly caughtUp: boolean;
      readonly cache: Readonly<Record<string, number>>;
    }
  | { readonly what: 'fault'; readonly says: string }
  | { readonly what: 'state'; readonly state: FinalState };

export type Line = Entry & { readonly at: number };

export interface History {
  readonly lines: readonly Line[];
  note(entry: Entry): void;
}

/** Keeps the history in memory and, where a file is named, as JSONL that outlives this process. */
export function createHistory(file?: string): History {
  const lines: Line[] = [];
  const began = performance.now();
  return {
    lines,
    note: (entry) => {
      const line = { at: Math.round((performance.now() - began) * 10) / 10, ...entry };
      lines.push(line);
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
    },
  };
}

/** A history that an earlier run has left behind. */
export function readHistory(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Line);
}
