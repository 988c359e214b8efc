import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import { prepareServerRole, serverRoleName } from '../../src/db/server-role.ts';
import { usableRole } from '../../src/server/database-address.ts';
import { diagnoseDatabase } from '../../src/server/diagnose-database.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';
import { MIGRATIONS_DIRECTORY } from '../support/server.ts';
import { createRecorder, runFeed, writeCommits } from './feed-fixture.ts';
import { startFreezingProxy } from './freezing-proxy.ts';
import type { FreezingProxy } from './freezing-proxy.ts';
import { hasPgBouncer, startPgBouncer } from './pgbouncer.ts';
import type { PgBouncer } from './pgbouncer.ts';

const PATIENCE = { timeout: 15_000, interval: 10 };
const DEAF = 'commits are not announced to this node';
const P99_MS = 1_500;

async function ownerOf({ database }: Registry): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

const installed = hasPgBouncer();
if (!installed) process.stderr.write('skipped: test/realtime/pooler.test.ts needs pgbouncer on the PATH\n');

describe.skipIf(!installed)('behind a pooler that lends connections by the transaction', () => {
  let registry: Registry;
  let proxy: FreezingProxy;
  let pooler: PgBouncer;
  let opened: Database;

  beforeAll(async () => {
    registry = await openRegistry();
    await registry.database.query(`ALTER DATABASE ${registry.database.name} SET timezone = 'UTC'`);
    proxy = await startFreezingProxy();
    pooler = await startPgBouncer(Number(new URL(proxy.url('x')).port));
    opened = openDatabase({
      address: { connectionString: pooler.url(registry.database.name) },
      onIdleError: () => undefined,
    });
  });

  afterAll(async () => {
    await opened.close();
    await pooler.stop();
    await proxy.close();
    await registry.close();
  });

  it('the server works as the owner, and says so: the pooler drops what a session asks for', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const { name } = registry.database;
    await prepareServerRole(await ownerOf(registry), null);
    const address = { connectionString: pooler.url(name) };
    expect(await usableRole(address, serverRoleName(name), log)).toBeUndefined();
    expect(lines).toEqual([expect.stringContaining('is there a pooler in between?')]);
  });

  it('the doctor says what stands in between, and what to do', async () => {
    const database = {
      address: { connectionString: pooler.url(registry.database.name) },
      ownerAddress: null,
      dataDirectory: null,
      stop: async () => undefined,
    };
    const findings = await diagnoseDatabase(database, MIGRATIONS_DIRECTORY, pino({ level: 'silent' }));
    expect(findings.find(({ check }) => check === 'listen')).toMatchObject({
      state: 'WARNING',
      advice: expect.stringContaining('a pooler in transaction mode'),
    });
  });

  it('the node says so once and finds every commit by polling each second', async () => {
    const { workspaceId } = await registry.addWorkspace();
    const recorder = createRecorder();
    const { feed, lines } = await runFeed(opened, [recorder]);
    await expect.poll(() => lines.map(({ message }) => message).join(), PATIENCE).toContain(DEAF);
    expect(feed.status()).toMatchObject({ reachable: true, listening: false, behind: false });
    const waits: number[] = [];
    for (let count = 1; count <= 12; count += 1) {
      // Not in step with the polls.
      await sleep(37 * count);
      const began = performance.now();
      await writeCommits(registry.database, workspaceId, 1);
      await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(count);
      waits.push(performance.now() - began);
    }
    expect(waits.toSorted((a, b) => a - b).at(-2)).toBeLessThan(P99_MS);
    expect(lines.filter(({ level }) => level !== 'info').map(({ level }) => level)).toEqual(['warn']);
  });
});
