import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
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

export async function restoreInto(url: string, path: string): Promise<BrokenChain[]> {
  return restoreBackup(await connectTo(url), await checkBackup(path), MIGRATIONS_DIRECTORY);
}
