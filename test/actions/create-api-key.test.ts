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
    for (const name of ['x'.repeat(101), 'a\u0000b', '\ud800']) {
      const refused = await expectRefusal(world, InvalidInput, () =>
        world.createApiKey(world.admin, { ...input, name }),
      );
      expect(refused.field).toBe('name');
    }
  });
});
