import pg from 'pg';
import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { inIdempotentTransaction, purgeIdempotencyKeys } from '../../src/db/idempotency.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { IdempotencyConflict, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { openRegistry } from './registry-fixture.ts';
import type { Registry } from './registry-fixture.ts';

let registry: Registry;

beforeAll(async () => {
  registry = await openRegistry();
});

afterAll(async () => {
  await registry.close();
});

interface Call {
  readonly mutation: string;
  readonly input: { readonly idempotencyKey: string | null };
}

const call = (idempotencyKey: string | null, input: object = { a: 1 }, mutation = 'm'): Call => ({
  mutation,
  input: { ...input, idempotencyKey },
});

/** The first call answers with `answer`; a repetition with what the first one answered. */
async function perform(
  idempotent: Call,
  answer: string,
  actor: Actor = registry.actor,
  fail = false,
): Promise<string> {
  return inIdempotentTransaction(registry.deps, actor, idempotent, async (tx) => {
    await tx.$queryRaw`SELECT pg_sleep(0.05)::text`;
    if (fail) throw new NotFound('refused');
    return { answer, events: [] };
  });
}

const age = (key: string, interval: string) =>
  registry.database.query('UPDATE idempotency_key SET created_at = now() - $2::interval WHERE key = $1', [
    key,
    interval,
  ]);
const keys = () => registry.database.query<{ key: string }>('SELECT key FROM idempotency_key ORDER BY key');

describe('an idempotency key', () => {
  it('answers a repetition with what the first call was answered with', async () => {
    const [first, second] = [v7(), v7()];
    expect(await perform(call('k1'), first)).toBe(first);
    expect(await perform(call('k1'), second)).toBe(first);
  });

  it('lets one of many simultaneous calls act, and the others wait for its answer', async () => {
    const ids = Array.from({ length: 6 }, () => v7());
    const answers = await Promise.all(ids.map((id) => perform(call('k2'), id)));
    expect(new Set(answers).size).toBe(1);
    expect(ids).toContain(answers[0]);
  });

  it('is free again when the call that claimed it failed', async () => {
    const id = v7();
    await expect(perform(call('k3'), v7(), registry.actor, true)).rejects.toThrow('refused');
    expect(await perform(call('k3', { other: true }), id)).toBe(id);
  });

  it('is refused with another input, whatever the order of its fields', async () => {
    const id = v7();
    await perform(call('k4', { a: 1, b: { c: [1, 2], d: null } }), id);
    expect(await perform(call('k4', { b: { d: null, c: [1, 2] }, a: 1 }), v7())).toBe(id);
    for (const input of [{ a: 1, b: { c: [2, 1], d: null } }, { a: 2 }, {}]) {
      await expect(perform(call('k4', input), v7())).rejects.toThrow(IdempotencyConflict);
    }
  });

  it('is of one mutation, one actor and one workspace', async () => {
    const stranger = await registry.addWorkspace();
    const [a, b, c, d] = [v7(), v7(), v7(), v7()];
    expect(await perform(call('k5'), a)).toBe(a);
    expect(await perform(call('k5', { a: 1 }, 'other'), b)).toBe(b);
    expect(await perform(call('k5'), c, { ...registry.actor, id: 'somebody' })).toBe(c);
    expect(await perform(call('k5'), d, stranger)).toBe(d);
  });

  it('means nothing when there is none', async () => {
    const [a, b] = [v7(), v7()];
    expect([await perform(call(null), a), await perform(call(null), b)]).toEqual([a, b]);
  });

  it.each(['', '  ', 'a\0', '\ud800', 'x'.repeat(201)])('is no text like %j', async (key) => {
    await expect(perform(call(key), v7())).rejects.toThrow(InvalidInput);
  });

  it('is good for a day', async () => {
    const [first, second, third] = [v7(), v7(), v7()];
    await perform(call('k6'), first);
    await age('k6', '23 hours 59 minutes');
    expect(await perform(call('k6'), second)).toBe(first);
    await age('k6', '24 hours 1 second');
    expect(await perform(call('k6', { quite: 'another' }), third)).toBe(third);
    expect(await perform(call('k6', { quite: 'another' }), v7())).toBe(third);
  });

  it('is thrown out after that, and not before', async () => {
    await perform(call('old'), v7());
    await perform(call('young'), v7());
    await age('old', '25 hours');
    await age('young', '23 hours');
    expect(await purgeIdempotencyKeys(registry.opened.writer)).toBe(1);
    const left = (await keys()).map(({ key }) => key);
    expect(left).toContain('young');
    expect(left).not.toContain('old');
  });

  it('is thrown out a batch at a time, and without waiting for one that is in use', async () => {
    await registry.database.query(
      `INSERT INTO idempotency_key (workspace_id, actor_id, mutation, key, input_hash, created_at)
       SELECT $1, 'x', 'm', 'many ' || n, '', now() - interval '25 hours' FROM generate_series(1, 12001) AS n`,
      [registry.actor.workspaceId],
    );
    const user = new pg.Client({ connectionString: registry.database.url });
    await user.connect();
    onTestFinished(() => user.end());
    await user.query(`BEGIN; SELECT 1 FROM idempotency_key WHERE key = 'many 7' FOR UPDATE`);
    const statements: string[] = [];
    const counted = openDatabase({
      address: { connectionString: registry.database.url },
      onIdleError: () => undefined,
      onQuery: (sql) => statements.push(sql),
    });
    onTestFinished(() => counted.close());
    expect(await purgeIdempotencyKeys(counted.writer)).toBe(12_000);
    expect(statements.filter((sql) => sql.includes('DELETE'))).toHaveLength(3);
    await user.query('COMMIT');
    expect(await purgeIdempotencyKeys(counted.writer)).toBe(1);
  });
});
