import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { checkBackup, restoreBackup } from '../../src/db/backup-restore.ts';
import type { BrokenChain } from '../../src/db/backup-restore.ts';
import { openBackup } from '../../src/db/backup-write.ts';
import { MIGRATIONS_DIRECTORY } from './server.ts';

export async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A path for a file, gone with the test. */
export async function newPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pf-backup-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, 'a.backup');
}

/** `whenBegun`: runs when the backup's moment has passed, and nothing is written yet. @returns the file. */
export async function backUp(url: string, whenBegun: () => Promise<unknown> = async () => undefined) {
  const path = await newPath();
  const { chunks, rows, header } = await openBackup(await connectTo(url), '0.0.0-test');
  await whenBegun();
  await pipeline(chunks, createGzip(), createWriteStream(path));
  return { path, rows, header };
}

export async function restoreInto(url: string, path: string, by?: string): Promise<BrokenChain[]> {
  const owner = await connectTo(url);
  return restoreBackup(owner, await checkBackup(path), MIGRATIONS_DIRECTORY, { by: by ?? null });
}

/** The file with another text, whose checksums are right again where `honest`. */
export async function changed(
  path: string,
  change: (text: string) => string,
  honest = true,
): Promise<string> {
  const text = change(gunzipSync(await readFile(path)).toString('utf8'));
  const to = await newPath();
  await writeFile(to, gzipSync(honest ? rehashed(text) : text));
  return to;
}

function rehashed(text: string): string {
  const sections = text.replaceAll(
    /^(\{"table":.*\n)((?:(?!\\\.\n).*\n)*)\\\.\n\{"rows":(\d+),.*$/gm,
    (_all, name: string, rows: string, count: string) =>
      `${name}${rows}\\.\n{"rows":${count},"checksum":"${sha256(rows)}"}`,
  );
  const end = sections.lastIndexOf('\n', sections.length - 2) + 1;
  const last = JSON.parse(sections.slice(end)) as object;
  return `${sections.slice(0, end)}${JSON.stringify({ ...last, checksum: sha256(sections.slice(0, end)) })}\n`;
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
