import pg from 'pg';
import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { isRetryable, isUnavailable, isUniqueViolation, sqlState } from '../../src/db/database-errors.ts';
import { InvalidInput, Unavailable } from '../../src/domain/errors.ts';
import { openRegistry } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

let registry: Registry;

beforeAll(async () => {
  registry = await openRegistry();
  // Fails when the transaction ends, with the SQLSTATE that the row names.
  await registry.database.query(`
    CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'refused at commit' USING ERRCODE = NEW.key; END $$;
    CREATE CONSTRAINT TRIGGER fail_late AFTER INSERT ON "idempotency_key" DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.mutation = 'fails late') EXECUTE FUNCTION fail_late()`);
});

afterAll(async () => {
  await registry.close();
});

async function failure(work: () => Promise<unknown>): Promise<unknown> {
  const outcome = await work().then(
    () => ({ error: undefined }),
    (error: unknown) => ({ error }),
  );
  if (outcome.error === undefined) throw new Error('it did not fail');
  return outcome.error;
}

const workspace = (slug: string) => ({ id: v7(), slug, name: slug, createdAt: new Date() });
const lateRow = (key: string) => ({
  workspaceId: registry.actor.workspaceId,
  actorId: v7(),
  mutation: 'fails late',
  key,
  inputHash: new Uint8Array(),
  createdAt: new Date(),
});

describe('the SQLSTATE', () => {
  it('is found in an error of pg', async () => {
    const error = await failure(() => registry.database.query('SELECT 1/0'));
    expect(sqlState(error)).toBe('22012');
  });

  it('is found behind raw statements, inside and outside of transactions', async () => {
    const { writer } = registry.opened;
    for (const work of [
      () => writer.$queryRaw`SELECT 1/0`,
      () => writer.$executeRaw`SELECT 1/0`,
      () => writer.$transaction(async (tx) => tx.$queryRaw`SELECT 1/0`),
      () => writer.$transaction([writer.$queryRaw`SELECT 1/0`]),
    ]) {
      const error = await failure(work);
      expect(sqlState(error)).toBe('22012');
      expect([isRetryable(error), isUnavailable(error), isUniqueViolation(error)]).toEqual([
        false,
        false,
        false,
      ]);
    }
  });

  it.each(['check', 'trigger'])("is found behind prisma's own statements: %s", async (kind) => {
    const { writer } = registry.opened;
    const { workspaceId } = registry.actor;
    const bad = { workspaceId, id: v7(), name: 'NOT A NAME', createdAt: new Date() };
    const error = await failure(() =>
      kind === 'check' ? writer.channel.create({ data: bad }) : writer.event.deleteMany(),
    );
    // Nothing to delete would be no failure: the workspace has the events of its creation.
    expect(sqlState(error)).toBe(kind === 'check' ? '23514' : '23001');
    expect(isUnavailable(error)).toBe(false);
  });

  it.each([
    null,
    undefined,
    'x',
    7,
    new Error('x'),
    new TypeError('x'),
    { code: 'P2025' },
    { code: 'ENOENT' },
  ])('is not found in %j', (error) => {
    expect(sqlState(error)).toBeNull();
  });

  it('ends with errors that contain themselves', () => {
    const error: { cause?: unknown } = new Error('x');
    error.cause = error;
    expect(sqlState(error)).toBeNull();
    expect(isUnavailable(error)).toBe(false);
  });
});

describe('a unique violation', () => {
  it("is known from prisma's statements, raw ones and pg", async () => {
    const { writer } = registry.opened;
    const { slug } = await writer.workspace.findFirstOrThrow();
    for (const work of [
      () => writer.workspace.create({ data: workspace(slug) }),
      () => writer.$transaction(async (tx) => tx.workspace.create({ data: workspace(slug) })),
      () => writer.$executeRaw`INSERT INTO workspace SELECT * FROM workspace`,
      () => registry.database.query('INSERT INTO workspace SELECT * FROM workspace'),
    ]) {
      const error = await failure(work);
      expect(isUniqueViolation(error)).toBe(true);
      expect([isRetryable(error), isUnavailable(error)]).toEqual([false, false]);
    }
  });
});

describe('an error at COMMIT', () => {
  const ways = {
    interactive: (key: string) =>
      registry.opened.writer.$transaction(async (tx) => tx.idempotencyKey.create({ data: lateRow(key) })),
    batch: (key: string) =>
      registry.opened.writer.$transaction([
        registry.opened.writer.idempotencyKey.create({ data: lateRow(key) }),
      ]),
    'of one statement': (key: string) => registry.opened.writer.idempotencyKey.create({ data: lateRow(key) }),
  };

  it.each(Object.keys(ways) as (keyof typeof ways)[])('reaches the caller every time: %s', async (way) => {
    const states: (string | null)[] = [];
    for (let round = 0; round < 10; round += 1) {
      const errors = await Promise.all(Array.from({ length: 10 }, () => failure(() => ways[way]('23503'))));
      states.push(...errors.map((error) => sqlState(error)));
    }
    expect(states).toEqual(Array.from({ length: 100 }, () => '23503'));
    expect(await registry.opened.reader.idempotencyKey.count({ where: { mutation: 'fails late' } })).toBe(0);
  });

  it.each(Object.keys(ways) as (keyof typeof ways)[])('is judged by its SQLSTATE: %s', async (way) => {
    const judged = async (key: string) => {
      const error = await failure(() => ways[way](key));
      return {
        retryable: isRetryable(error),
        unavailable: isUnavailable(error),
        unique: isUniqueViolation(error),
      };
    };
    expect(await judged('40001')).toEqual({ retryable: true, unavailable: false, unique: false });
    expect(await judged('40P01')).toEqual({ retryable: true, unavailable: false, unique: false });
    expect(await judged('23505')).toEqual({ retryable: false, unavailable: false, unique: true });
    for (const key of ['53100', '57P01', '58030', '25006', '08006', 'XX000']) {
      expect(await judged(key), key).toMatchObject({ unavailable: true });
    }
    expect(await judged('P0001')).toEqual({ retryable: false, unavailable: false, unique: false });
  });

  it('leaves a connection that works', async () => {
    await failure(() => ways.interactive('23503'));
    expect(await registry.opened.writer.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
  });
});

describe('a database that cannot be used', () => {
  it.each([
    ['nobody listens', 'postgresql://u@127.0.0.1:1/x'],
    ['the socket is not there', 'postgresql://u@localhost/x?host=%2Fnowhere&port=5432'],
    ['the name is unknown', 'postgresql://u@name.invalid/x'],
  ])('is told when %s, from reads and transactions', async (_title, connectionString) => {
    const away = openDatabase({ address: { connectionString }, onIdleError: () => undefined });
    onTestFinished(() => away.close());
    for (const work of [
      () => away.reader.workspace.findMany(),
      () => away.reader.$queryRaw`SELECT 1`,
      () => away.writer.$transaction(async (tx) => tx.workspace.findMany()),
    ]) {
      expect(isUnavailable(await failure(work))).toBe(true);
    }
  });

  it('is told when the connection is cut in the middle of a transaction', async () => {
    const error = await failure(() =>
      registry.opened.writer.$transaction(async (tx) => {
        const [{ pid } = { pid: 0 }] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
        await registry.database.query('SELECT pg_terminate_backend($1)', [pid]);
        await tx.$queryRaw`SELECT pg_sleep(1)::text`;
      }),
    );
    expect(isUnavailable(error)).toBe(true);
  });

  it.each([
    ['a statement takes too long', `SET LOCAL statement_timeout = '20ms'`],
    ['the database is read-only', 'SET LOCAL transaction_read_only = on'],
  ])('is told when %s', async (_title, setting) => {
    const error = await failure(() =>
      registry.opened.writer.$transaction(async (tx) => {
        await tx.$executeRawUnsafe(setting);
        await tx.$executeRaw`CREATE TABLE never AS SELECT pg_sleep(1)::text AS x`;
      }),
    );
    expect(isUnavailable(error)).toBe(true);
  });

  it('is told when somebody else holds a lock for too long', async () => {
    const holder = new pg.Client({ connectionString: registry.database.url });
    await holder.connect();
    onTestFinished(() => holder.end());
    await holder.query('BEGIN; LOCK TABLE workspace');
    const error = await failure(() =>
      registry.opened.writer.$transaction(async (tx) => {
        await tx.$executeRaw`SET LOCAL lock_timeout = '20ms'`;
        await tx.workspace.findMany();
      }),
    );
    expect(isUnavailable(error)).toBe(true);
  });

  it('is told when a transaction outlives its time', async () => {
    const error = await failure(() =>
      registry.opened.writer.$transaction(
        async (tx) => {
          await tx.$queryRaw`SELECT pg_sleep(0.2)::text`;
          await tx.workspace.findMany();
        },
        { timeout: 50 },
      ),
    );
    expect(isUnavailable(error)).toBe(true);
  });

  it.each([
    'EPIPE',
    'ECONNRESET',
    'ECONNREFUSED',
    'ETIMEDOUT',
    'ENOENT',
    'P1001',
    'P1017',
    'P2024',
    'P2028',
    '57P01',
    '08006',
    '53300',
  ])('is told by the code %s, on the error or behind it', (code) => {
    const error = Object.assign(new Error('x'), { code });
    expect([isUnavailable(error), isUnavailable({ meta: { driverAdapterError: { cause: error } } })]).toEqual(
      [true, true],
    );
    expect(isRetryable(error)).toBe(false);
  });

  it('is told when an answer does not come', () => {
    expect(isUnavailable(new Error('Query read timeout'))).toBe(true);
  });

  it.each([
    new InvalidInput('x', 'y'),
    new Error('x'),
    new TypeError('x is not a function'),
    null,
    'ECONNREFUSED',
  ])('is not what %s tells', (error) => {
    expect(isUnavailable(error)).toBe(false);
  });

  it('is what the refusal of that name tells', () => {
    expect(isUnavailable(new Unavailable())).toBe(true);
  });
});
