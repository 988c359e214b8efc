import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY_PATTERN, hashApiKey } from '../../src/domain/api-key.ts';
import { Forbidden, InvalidInput } from '../../src/domain/errors.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';

describe('createApiKey', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  it('answers the key in clear, stores its SHA-256 only, and tells neither in the event', async () => {
    const before = await world.head();
    const { id, key } = await world.createApiKey(world.admin, {
      name: 'ci',
      role: 'VIEWER',
      secret: randomBytes(32),
    });
    expect(key).toMatch(API_KEY_PATTERN);
    const row = await world.rows.apiKey.findFirstOrThrow({ where: { id } });
    expect(row).toMatchObject({ name: 'ci', role: 'VIEWER', revokedAt: null });
    expect(Buffer.from(row.secretHash).equals(hashApiKey(key))).toBe(true);
    const [event, ...more] = await world.events({ after: before });
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      type: 'ApiKeyCreated',
      payload: { apiKeyId: id, name: 'ci', role: 'VIEWER' },
    });
    const dump = await world.database.query<{ row: string }>(
      `SELECT t::text AS row FROM "api_key" t UNION ALL SELECT e::text FROM "event" e`,
    );
    expect(dump.filter(({ row: text }) => text.includes(key.slice(-72)))).toEqual([]);
  });

  it('refuses readers and names that cannot be stored', async () => {
    const input = { name: 'ci', role: 'ADMIN' as const, secret: randomBytes(32) };
    await expectRefusal(world, Forbidden, () => world.createApiKey(world.reader, input));
    for (const name of ['', 'x'.repeat(101), 'a\u0000b', '\ud800']) {
      const refused = await expectRefusal(world, InvalidInput, () =>
        world.createApiKey(world.admin, { ...input, name }),
      );
      expect(refused.field).toBe('name');
    }
  });

  const create = (input: Partial<Parameters<TestApp['createApiKey']>[1]> = {}) =>
    world.createApiKey(world.admin, { name: 'ci', role: 'VIEWER', secret: randomBytes(32), ...input });

  it('keeps scopes, limits and the end, and tells them', async () => {
    const expiresAt = new Date(Date.now() + 60_000);
    const before = await world.head();
    const limits = { prompts: ['a', 'support/*'], channels: ['stable'] };
    const { id } = await create({ role: 'RELEASER', scopes: ['channels:promote'], ...limits, expiresAt });
    const kept = { scopes: ['channels:promote'], ...limits, expiresAt };
    expect(await world.rows.apiKey.findFirstOrThrow({ where: { id } })).toMatchObject(kept);
    expect((await world.events({ after: before }))[0]?.payload).toMatchObject({
      after: { ...kept, expiresAt: expiresAt.toISOString() },
    });
  });

  it('refuses channels that are not there, an end in the past, and more than its maker has', async () => {
    const refusals = [
      [{ channels: ['nowhere'] }, 'channels'],
      [{ expiresAt: new Date() }, 'expiresAt'],
      [{ scopes: ['nothing:known'] }, 'scopes[0]'],
    ] as const;
    for (const [input, field] of refusals)
      expect((await expectRefusal(world, InvalidInput, () => create(input))).field).toBe(field);
    const maker = { ...world.admin, scopes: ['keys:manage'] as const };
    await expectRefusal(world, Forbidden, () =>
      world.createApiKey(maker, {
        name: 'ci',
        role: 'RELEASER',
        scopes: ['channels:promote'],
        secret: randomBytes(32),
      }),
    );
  });

  it('is refused at 1,000 active keys: those that are revoked or have expired do not count, and makers at once overtake nothing', async () => {
    await world.database.query(
      `INSERT INTO "api_key" (workspace_id, id, name, role, scopes, secret_hash, created_at, revoked_at, expires_at)
       SELECT $1, gen_random_uuid(), 'x', 'VIEWER', '{}', sha256(i::text::bytea), now(),
              CASE WHEN i <= 20 THEN now() END, CASE WHEN i BETWEEN 21 AND 40 THEN now() END
       FROM generate_series(1, $2) i`,
      [world.admin.workspaceId, 40 + 998 - (await world.rows.apiKey.count())],
    );
    const outcomes = await Promise.allSettled([create(), create(), create(), create()]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect((await expectRefusal(world, InvalidInput, create)).message).toMatch(/at most 1000 active/);
  });
});
