import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { cp, mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { v7 } from 'uuid';
import { createApp } from '../src/actions/app.ts';
import { openDatabase } from '../src/db/client.ts';
import { startEmbeddedServer } from '../src/db/embedded-server.ts';
import type { EmbeddedConnection } from '../src/db/embedded-server.ts';
import { migrate } from '../src/db/migrations.ts';
import { seedLarge } from '../test/support/seed-large.ts';

const ROOT = join(import.meta.dirname, '..');
const MIGRATIONS = join(ROOT, 'prisma', 'migrations');
const CACHE = join(tmpdir(), 'promptforge-bench-cache');

export interface LargeData {
  readonly prompts: number;
  readonly versions: number;
  readonly templateBytes?: number;
}

/** Makes the data directory of an embedded database whose workspace "default" is large. It has no key yet: the server that starts on it makes one. */
export async function makeLargeData(dataDirectory: string, data: LargeData): Promise<void> {
  const server = await startEmbeddedServer({
    dataDirectory,
    log: () => undefined,
    settings: { max_wal_size: '4GB', synchronous_commit: 'off' },
  });
  const client = new pg.Client(server.connection);
  try {
    await client.connect();
    await migrate(client, MIGRATIONS);
    await makeWorkspace(server.connection);
    await seedLarge(client, [{ workspace: 'default', ...data }]);
  } finally {
    await client.end();
    await server.stop();
  }
}

async function makeWorkspace(address: EmbeddedConnection): Promise<void> {
  const opened = openDatabase({ address, onIdleError: () => undefined });
  const app = createApp({
    writer: opened.writer,
    onCommit: async () => undefined,
    clock: () => new Date(),
    newId: () => v7(),
  });
  await app.ensureWorkspace({ slug: 'default', name: 'default' });
  await opened.close();
}

/** A copy of such a directory, made once for each size, each state of the migrations and of the seed; the copy is the caller's. */
export async function copyLargeData(dataDirectory: string, data: LargeData): Promise<void> {
  const kept = join(
    CACHE,
    `${data.prompts}x${data.versions}x${data.templateBytes ?? 0}-${await stateHash()}`,
  );
  if (!(await exists(kept))) {
    const unfinished = `${kept}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await makeLargeData(unfinished, data);
    await rename(unfinished, kept);
  }
  await cp(kept, dataDirectory, { recursive: true, mode: constants.COPYFILE_FICLONE });
}

async function stateHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(MIGRATIONS)).toSorted())
    if (!name.endsWith('.toml')) hash.update(await readFile(join(MIGRATIONS, name, 'migration.sql')));
  hash.update(await readFile(join(ROOT, 'test', 'support', 'seed-large.ts')));
  return hash.digest('hex').slice(0, 12);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
