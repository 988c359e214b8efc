import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createApp } from '../../src/actions/app.ts';
import type { App } from '../../src/actions/app.ts';
import { openDatabase, preparedPoolOf } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import { isUnavailable, sqlState } from '../../src/db/database-errors.ts';
import { Prisma } from '../../src/db/generated/prisma/client.ts';
import { withPreparedTx } from '../../src/db/prepared-transaction.ts';
import type { PreparedPool } from '../../src/db/prepared-transaction.ts';
import { inOneTrip } from '../../src/db/sql-tx.ts';
import { inSqlTransaction } from '../../src/db/transaction.ts';
import type { ActionDeps, Commit } from '../../src/db/transaction.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { NotFound, Unavailable } from '../../src/domain/errors.ts';
import { openRegistry, readLog } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

let registry: Registry;
let opened: Database;
let deps: ActionDeps;
let actor: Actor;
const commits: Commit[] = [];
const event = { payload: { type: 'PromptCreated', slug: 'x', kind: 'TEXT' } } as const;
const done = { answer: 'done', events: [event] };

beforeAll(async () => {
  registry = await openRegistry();
  await registry.database.query('CREATE TABLE account (id int PRIMARY KEY, n int NOT NULL)');
  opened = openDatabase({
    address: { connectionString: registry.database.url },
    onIdleError: () => undefined,
    writerConnectionsMax: 2,
  });
  deps = { ...registry.deps, writer: opened.writer, onCommit: async (commit) => void commits.push(commit) };
});
afterAll(async () => {
  await opened.close();
  await registry.close();
});
beforeEach(async () => {
  actor = await registry.addWorkspace();
  await registry.database.query('TRUNCATE account; INSERT INTO account VALUES (1, 0), (2, 0)');
  commits.length = 0;
  preparedPoolOf(opened.writer).prepares = true;
});

const accounts = async () =>
  (await registry.database.query<{ n: number }>('SELECT n FROM account ORDER BY id')).map(({ n }) => n);
const add = (id: number) => Prisma.sql`UPDATE account SET n = n + 1 WHERE id = ${id}`;
const raise = (code: string) =>
  Prisma.raw(`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '${code}'; END $$`);
const pool = (overrides: Partial<PreparedPool> = {}): PreparedPool => ({
  ...preparedPoolOf(opened.writer),
  ...overrides,
});

describe('a prepared transaction', () => {
  it('writes its events with its changes, and tells of the commit', async () => {
    const answer = await inSqlTransaction(deps, actor, async (tx) => {
      await tx.$executeRaw(add(1));
      return { answer: 'done', events: [event, event] };
    });
    expect([answer, await accounts()]).toEqual(['done', [1, 0]]);
    const last = (await readLog(registry.database, actor.workspaceId)).at(-1);
    const hash = new Uint8Array(last?.hash ?? []);
    expect(commits).toEqual([{ workspaceId: actor.workspaceId, seq: BigInt(last?.seq ?? 0), hash }]);
  });

  it('leaves nothing when the work refuses, and its connection is good for the next', async () => {
    for (let count = 0; count < 3; count += 1) {
      const refused = inSqlTransaction(deps, actor, async (tx) => {
        await tx.$executeRaw(add(1));
        throw new NotFound('no');
      });
      await expect(refused).rejects.toThrow(NotFound);
    }
    expect([await accounts(), commits]).toEqual([[0, 0], []]);
  });

  it('throws the first error of a round trip, not the ones that follow from it', async () => {
    const failing = withPreparedTx(pool(), (tx) =>
      inOneTrip<[unknown[], unknown[], unknown[]]>(tx, add(1), raise('23503'), add(2)),
    );
    await expect(failing).rejects.toSatisfy((error) => sqlState(error) === '23503');
    expect(await accounts()).toEqual([0, 0]);
  });

  it('has each statement of a round trip see what the one before it waited for', async () => {
    const other = await preparedPoolOf(opened.writer).pool.connect();
    await other.query('BEGIN; UPDATE account SET n = 7 WHERE id = 1');
    const reading = withPreparedTx(pool(), (tx) =>
      inOneTrip<[unknown[], { n: number }[]]>(
        tx,
        Prisma.sql`SELECT 1 AS one FROM account WHERE id = 1 FOR UPDATE`,
        Prisma.sql`SELECT n FROM account WHERE id = 1`,
      ),
    );
    const isWaiting = async () =>
      (
        await registry.database.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        )
      ).length;
    await expect.poll(isWaiting).toBe(1);
    await other.query('COMMIT');
    other.release();
    expect((await reading)[1]).toEqual([{ n: 7 }]);
  });

  it('tells of a failing COMMIT: nothing is answered, nothing is announced', async () => {
    const { newId } = registry.deps;
    const late = inSqlTransaction(deps, actor, async (tx) => {
      // The key from a prompt to its newest version is looked at when the transaction ends.
      await tx.$executeRaw`INSERT INTO prompt (workspace_id, id, slug, kind, tags, latest_number, created_at, updated_at)
        VALUES (${actor.workspaceId}::uuid, ${newId()}::uuid, 'late', 'TEXT', '{}', 1, now(), now())`;
      return done;
    });
    await expect(late).rejects.toSatisfy((error) => sqlState(error) === '23503');
    expect([commits, await registry.database.query(`SELECT 1 FROM prompt WHERE slug = 'late'`)]).toEqual([
      [],
      [],
    ]);
  });

  it('is rolled back when its work ends without a commit', async () => {
    await withPreparedTx(pool(), (tx) => tx.$executeRaw(add(1)));
    expect(await accounts()).toEqual([0, 0]);
    const open = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`;
    expect(await registry.database.query(open)).toEqual([]);
  });

  it('is no commit when the database rolled back', async () => {
    const broken = withPreparedTx(pool(), async (tx) => {
      await tx.$executeRaw(add(1));
      await tx.$executeRaw(raise('22012')).catch(() => undefined);
      await tx.commit();
    });
    await expect(broken).rejects.toThrow('ended with ROLLBACK');
    expect(await accounts()).toEqual([0, 0]);
  });

  it.each(['40001', '40P01'])('is given up after three attempts that ended with %s', async (code) => {
    let attempts = 0;
    const hopeless = inSqlTransaction(deps, actor, async (tx) => {
      attempts += 1;
      await tx.$executeRaw(add(1));
      await tx.$executeRaw(raise(code));
      return done;
    });
    await expect(hopeless).rejects.toThrow(Unavailable);
    expect([attempts, await accounts(), commits]).toEqual([3, [0, 0], []]);
  });

  it('is given up when it takes too long, and PostgreSQL rolls back what it did', async () => {
    const slow = withPreparedTx(pool({ timeoutMs: 50 }), async (tx) => {
      await tx.$executeRaw(add(1));
      await tx.$queryRaw`SELECT pg_sleep(60)::text`;
      await tx.commit();
    });
    await expect(slow).rejects.toSatisfy(isUnavailable);
    const running = async () =>
      (
        await registry.database.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()`,
        )
      ).length;
    await running();
    await expect.poll(accounts).toEqual([0, 0]);
  });

  it('is run again, unprepared from then on, when a pooler mixes up the statements of its clients', async () => {
    let attempts = 0;
    await inSqlTransaction(deps, actor, async (tx) => {
      attempts += 1;
      // What a pooler in transaction mode does: this connection's statements are on another one.
      await tx.$executeRaw(add(1));
      if (attempts === 1) await tx.$executeRaw(Prisma.raw('DEALLOCATE ALL'));
      await tx.$executeRaw(add(1));
      return done;
    });
    expect([attempts, await accounts(), preparedPoolOf(opened.writer).prepares]).toEqual([2, [2, 0], false]);
  });

  it('is run again, unprepared from then on and told so once, when another statement goes by the name of its own', async () => {
    const warned: unknown[] = [];
    const fresh = openDatabase({
      address: { connectionString: registry.database.url },
      onIdleError: () => undefined,
      onUnprepared: (error) => warned.push(sqlState(error)),
    });
    onTestFinished(() => fresh.close());
    let attempts = 0;
    await inSqlTransaction({ ...deps, writer: fresh.writer }, actor, async (tx) => {
      attempts += 1;
      await tx.$executeRaw(add(1));
      if (attempts === 1) {
        // What another node may have called so.
        const [row] = await tx.$queryRaw<{ name: string }[]>`
          SELECT name FROM pg_prepared_statements WHERE statement LIKE 'UPDATE account SET n = n + 1%'`;
        const name = row?.name ?? '';
        await tx.$executeRaw(Prisma.raw(`DEALLOCATE ${name}`));
        await tx.$executeRaw(
          Prisma.raw(`PREPARE ${name}(int, int) AS UPDATE account SET n = $2 WHERE id = $1`),
        );
      }
      await tx.$executeRaw(add(1));
      return done;
    });
    expect([attempts, await accounts(), warned]).toEqual([2, [2, 0], ['08P01']]);
  });

  it('is run again, unprepared from then on, when a migration changes what a statement reads', async () => {
    const read = () =>
      inSqlTransaction(deps, actor, async (tx) => {
        const rows = await tx.$queryRaw<unknown[]>`SELECT n FROM account WHERE id = 1`;
        return { answer: rows, events: [] };
      });
    for (let count = 0; count < 2; count += 1) expect(await read()).toEqual([{ n: 0 }]);
    await registry.database.query('ALTER TABLE account ALTER n TYPE bigint');
    expect(await read()).toEqual([{ n: 0n }]);
    expect(preparedPoolOf(opened.writer).prepares).toBe(false);
    await registry.database.query('ALTER TABLE account ALTER n TYPE int');
  });

  it('gives values as the queries of Prisma do', async () => {
    const values = Prisma.sql`SELECT 5::bigint AS big, '\x01ff'::bytea AS bytes, 7::int AS n, true AS flag, NULL::text AS none,
      '2026-11-28T10:00:00.123Z'::timestamptz AS at`;
    const ours = await withPreparedTx(pool(), (tx) => tx.$queryRaw<unknown[]>(values));
    expect(ours).toEqual(await opened.reader.$queryRaw<unknown[]>(values));
  });
});

describe('the round trips', () => {
  /** What is sent while nothing is under way begins a trip. */
  async function tripsOf(work: (app: App) => Promise<unknown>): Promise<string[][]> {
    const single = openDatabase({
      address: { connectionString: registry.database.url },
      onIdleError: () => undefined,
      writerConnectionsMax: 1,
    });
    onTestFinished(() => single.close());
    const trips: string[][] = [];
    let underWay = 0;
    const client = await preparedPoolOf(single.writer).pool.connect();
    const query = client.query.bind(client) as unknown as (
      sent: { text: string } | string,
    ) => Promise<unknown>;
    const counted = async (sent: { text: string } | string) => {
      if (underWay === 0) trips.push([]);
      underWay += 1;
      const text = typeof sent === 'string' ? sent : sent.text;
      trips.at(-1)?.push(/^INSERT INTO "\w+"|^\w+/.exec(text.trim())?.[0] ?? text);
      return query(sent).finally(() => (underWay -= 1));
    };
    Object.assign(client, { query: counted });
    client.release();
    await work(createApp({ ...deps, writer: single.writer }));
    return trips;
  }

  it('of a promotion are five, and the counter of the workspace is held for none of them', async () => {
    const slug = 'of/trips';
    await registry.app.createPrompt(actor, { slug, content: { template: 'one' } });
    await registry.app.editPrompt(actor, { slug, content: { template: 'two' } });
    const promotion = [
      ['BEGIN'],
      ['SELECT', 'SELECT'],
      ['SELECT', 'SELECT', 'SELECT', 'SELECT'],
      ['INSERT INTO "promotion"', 'WITH'],
      ['INSERT INTO "event"', 'COMMIT'],
    ];
    expect(await tripsOf((app) => app.promoteVersion(actor, { slug, version: 1 }))).toEqual(promotion);
    const items = [{ slug, version: 2 }];
    expect(await tripsOf((app) => app.promoteVersions(actor, { items }))).toEqual(promotion);
    const withKey = await tripsOf((app) =>
      app.promoteVersion(actor, { slug, version: 1, idempotencyKey: 'once' }),
    );
    expect(withKey.map((trip) => trip.length)).toEqual([1, 1, 2, 4, 2, 1, 2]);
    const rollback = await tripsOf((app) => app.rollbackChannel(actor, { slug }));
    expect(rollback.at(-1)).toEqual(['INSERT INTO "event"', 'COMMIT']);
  });
});
