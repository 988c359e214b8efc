import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { runCli } from './run-cli.ts';
import type { CliRun } from './run-cli.ts';
import { startWireServer } from './wire-server.ts';
import type { WireAnswer, WireRequest, WireServer } from './wire-server.ts';

interface Sent {
  readonly slug: string;
  readonly committedAt: string;
  readonly message: string | null;
  readonly content: { readonly template?: string };
}

export type Answer = (versions: readonly Sent[], count: number) => WireAnswer;

export interface ImportBench {
  readonly write: (...lines: readonly (string | Buffer)[]) => Promise<string>;
  readonly importFile: (path: string, answer: Answer, ...args: string[]) => Promise<CliRun>;
  /** What arrived, one list of `slug day` for each call. */
  readonly calls: () => string[][];
  readonly requests: () => readonly WireRequest[];
}

export function versionsOf({ variables }: WireRequest): readonly Sent[] {
  return (variables['input'] as { versions: readonly Sent[] }).versions;
}

export function result(importVersions: Readonly<Record<string, unknown>>): WireAnswer {
  return { body: { data: { importVersions } } };
}

export const accept: Answer = (versions) =>
  result({ __typename: 'ImportReport', created: versions.length, skipped: 0 });

/** A line of a file; `day` orders the versions of a prompt. */
export function line(slug: string, day: number, rest: Readonly<Record<string, unknown>> = {}): string {
  const committedAt = new Date(Date.UTC(2026, 0, day)).toISOString();
  return JSON.stringify({ slug, committedAt, message: `day ${day}`, template: `${slug} ${day}`, ...rest });
}

/** Files to import and a server that answers as told, for the test file that calls this. */
export function importBench(): ImportBench {
  let directory: string;
  let server: WireServer | null = null;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'promptforge-import-'));
  });
  afterAll(() => rm(directory, { recursive: true }));
  afterEach(async () => {
    await server?.close();
    server = null;
  });
  const requests = () => server?.requests ?? [];
  return {
    write: async (...lines) => {
      const path = join(directory, 'versions.jsonl');
      await writeFile(path, Buffer.concat(lines.flatMap((text) => [Buffer.from(text), Buffer.from('\n')])));
      return path;
    },
    importFile: async (path, answer, ...args) => {
      server = await startWireServer((request, count) => answer(versionsOf(request), count));
      return runCli(['import', path, ...args], { PROMPTFORGE_URL: server.url, PROMPTFORGE_API_KEY: 'key' });
    },
    calls: () =>
      requests().map((request) =>
        versionsOf(request).map(({ slug, committedAt }) => `${slug} ${new Date(committedAt).getUTCDate()}`),
      ),
    requests,
  };
}
