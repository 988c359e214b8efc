import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbeddedServer } from '../../src/db/embedded-server.ts';
import type { EmbeddedConnection } from '../../src/db/embedded-server.ts';
import { migrate } from '../../src/db/migrations.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgres: EmbeddedConnection;
  }
}

export const TEMPLATE = 'promptforge_template';
const ROOT = join(import.meta.dirname, '..', '..');
const MIGRATIONS = join(ROOT, 'prisma', 'migrations');

/** What the tests that start processes run is what users run. Type errors do not stop it: they are the check's to report. */
function build(): void {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
}

/** One real PostgreSQL for the whole run, with one migrated database that every test file clones. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  build();
  const directory = await mkdtemp(join(tmpdir(), 'promptforge-test-'));
  await chmod(directory, 0o755);
  const server = await startEmbeddedServer({
    dataDirectory: directory,
    log: () => undefined,
    settings: { max_connections: '200' },
  });
  await administer(server.connection, `CREATE DATABASE ${TEMPLATE}`);
  const client = new pg.Client({ ...server.connection, database: TEMPLATE });
  await client.connect();
  await migrate(client, MIGRATIONS);
  await client.end();
  project.provide('postgres', server.connection);
  return async () => {
    await server.stop();
    await rm(server.dataDirectory, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  };
}

async function administer(connection: EmbeddedConnection, sql: string): Promise<void> {
  const client = new pg.Client(connection);
  await client.connect();
  await client.query(sql);
  await client.end();
}
