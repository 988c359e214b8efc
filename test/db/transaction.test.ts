import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import { sqlState } from '../../src/db/database-errors.ts';
import { inTransaction } from '../../src/db/transaction.ts';
import type { ActionDeps, Commit, Tx } from '../../src/db/transaction.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { NotFound, Unavailable } from '../../src/domain/errors.ts';
import { chainFaults } from './chain.ts';
import { openRegistry, readLog } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

let registry: Registry;
let opened: Database;
let deps: ActionDeps;
let actor: Actor;
const commits: Commit[] = [];

beforeAll(async () => {
  registry = await openRegistry();
  await registry.database.query(`ALTER DATABASE ${registry.database.name} SET deadlock_timeout = '30ms'`);
  await registry.database.query(
    'CREATE TABLE account (id int PRIMARY KEY, n int NOT NULL); INSERT INTO account VALUES (1, 0), (2, 0)',
  );
  opened = openDatabase({
    address: { connectionString: registry.database.url },
    onIdleError: () => undefined,
  });
  deps = { ...registry.deps, writer: opened.writer, onCommit: async (commit) => void commits.push(commit) };
});

afterAll(async () => {
  await opened.close();
  await registry.close();
});

beforeEach(async () => {
  actor = await registry.addWorkspace();
  await registry.database.query('UPDATE account SET n = 0');
  commits.length = 0;
});

const event = { payload: { type: 'PromptCreated', slug: 'x', kind: 'TEXT' } } as const;
const done = { answer: 'done', events: [event] };
const add = (tx: Tx, id: number) => tx.$executeRaw`UPDATE account SET n = n + 1 WHERE id = ${id}`;
const accounts = async () =>
  (await registry.database.query<{ n: number }>('SELECT n FROM account ORDER BY id')).map(({ n }) => n);
const length = async () => (await readLog(registry.database, actor.workspaceId)).length;

/** Resolves for all when as many have come as were expected. */
function barrier(expected: number): () => Promise<void> {
  let open: () => void = () => undefined;
  const opened_ = new Promise<void>((resolve) => {
    open = resolve;
  });
  let come = 0;
  return () => {
    come += 1;
    if (come >= expected) open();
    return opened_;
  };
}

describe('a transaction', () => {
  it('writes its events with its changes, and tells of the commit with its last number and hash', async () => {
    const before = await length();
    const answer = await inTransaction(deps, actor, async (tx) => {
      await add(tx, 1);
      return { answer: 'done', events: [event, event] };
    });
    expect([answer, await accounts()]).toEqual(['done', [1, 0]]);
    const last = (await readLog(registry.database, actor.workspaceId)).at(-1);
    const hash = new Uint8Array(last?.hash ?? []);
    expect(commits).toEqual([{ workspaceId: actor.workspaceId, seq: BigInt(before + 2), hash }]);
    expect(await length()).toBe(before + 2);
  });

  it('tells of no commit when it has no event', async () => {
    expect(await inTransaction(deps, actor, async () => ({ answer: 7, events: [] }))).toBe(7);
    expect(commits).toEqual([]);
  });

  it('leaves nothing when the work refuses, and hands the refusal on at once', async () => {
    const before = await length();
    let attempts = 0;
    const refused = inTransaction(deps, actor, async (tx) => {
      attempts += 1;
      await add(tx, 1);
      throw new NotFound('no');
    });
    await expect(refused).rejects.toThrow(NotFound);
    expect([attempts, await accounts(), await length(), commits]).toEqual([1, [0, 0], before, []]);
  });

  it('is run again when it was chosen to end a deadlock', async () => {
    const before = await length();
    const met = barrier(2);
    let attempts = 0;
    const transfer = (from: number, to: number) =>
      inTransaction(deps, actor, async (tx) => {
        attempts += 1;
        await add(tx, from);
        await met();
        await add(tx, to);
        return done;
      });
    await Promise.all([transfer(1, 2), transfer(2, 1)]);
    expect(attempts).toBe(3);
    expect([await accounts(), await length(), commits.length]).toEqual([[2, 2], before + 2, 2]);
  });

  it('is run again after a serialisation failure', async () => {
    const met = barrier(2);
    let attempts = 0;
    const increment = () =>
      inTransaction(deps, actor, async (tx) => {
        attempts += 1;
        await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`;
        const [row] = await tx.$queryRaw<{ n: number }[]>`SELECT n FROM account WHERE id = 1`;
        await met();
        await tx.$executeRaw`UPDATE account SET n = ${(row?.n ?? 0) + 1} WHERE id = 1`;
        return done;
      });
    await Promise.all([increment(), increment()]);
    expect(await accounts()).toEqual([2, 0]);
    expect(attempts).toBe(3);
    const log = await readLog(registry.database, actor.workspaceId);
    expect(chainFaults(actor.workspaceId, log)).toEqual([]);
  });

  it.each(['40001', '40P01'])('is given up after three attempts that ended with %s', async (code) => {
    let attempts = 0;
    const causes: unknown[] = [];
    const telling = { ...deps, onUnavailable: (cause: unknown) => void causes.push(cause) };
    const hopeless = inTransaction(telling, actor, async (tx) => {
      attempts += 1;
      await add(tx, 1);
      await tx.$executeRawUnsafe(`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '${code}'; END $$`);
      return done;
    });
    await expect(hopeless).rejects.toThrow(Unavailable);
    expect([attempts, await accounts(), commits]).toEqual([3, [0, 0], []]);
    expect(causes.map((cause) => sqlState(cause))).toEqual([code]);
  });

  it.each(['57014', '55P03', '53100'])('is unavailable after %s, and the cause is told', async (code) => {
    const causes: unknown[] = [];
    const telling = { ...deps, onUnavailable: (cause: unknown) => void causes.push(cause) };
    const failing = inTransaction(telling, actor, async (tx) => {
      await tx.$executeRawUnsafe(`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '${code}'; END $$`);
      return done;
    });
    await expect(failing).rejects.toThrow(Unavailable);
    expect(causes.map((cause) => sqlState(cause))).toEqual([code]);
  });

  it('looks again when it was raced, as its action recognises it, and only then', async () => {
    const attempt = (raced: boolean) => {
      let attempts = 0;
      const outcome = inTransaction(
        deps,
        actor,
        async (tx) => {
          attempts += 1;
          if (attempts === 1) await tx.$executeRaw`INSERT INTO account VALUES (1, 1)`;
          return done;
        },
        () => raced,
      );
      return outcome.then(
        () => attempts,
        () => -attempts,
      );
    };
    expect([await attempt(true), await attempt(false)]).toEqual([2, -1]);
  });

  it('tells of a failing COMMIT: nothing is answered, nothing is announced', async () => {
    const { workspaceId } = actor;
    const late = inTransaction(deps, actor, async (tx) => {
      // The key from a prompt to its newest version is looked at when the transaction ends.
      const { newId } = registry.deps;
      await tx.$executeRaw`INSERT INTO prompt (workspace_id, id, slug, kind, tags, latest_number, created_at, updated_at)
        VALUES (${workspaceId}::uuid, ${newId()}::uuid, 'late', 'TEXT', '{}', 1, now(), now())`;
      return done;
    });
    await expect(late).rejects.toSatisfy((error) => sqlState(error) === '23503');
    expect(commits).toEqual([]);
    expect(await registry.database.query(`SELECT slug FROM prompt WHERE slug = 'late'`)).toEqual([]);
  });

  it('waits for the node to serve the commit before it answers', async () => {
    const order: string[] = [];
    const slow: ActionDeps = {
      ...deps,
      onCommit: async () => {
        await opened.reader.$queryRaw`SELECT pg_sleep(0.05)::text`;
        order.push('served');
      },
    };
    await inTransaction(slow, actor, async () => done).then(() => order.push('answered'));
    expect(order).toEqual(['served', 'answered']);
  });
});
