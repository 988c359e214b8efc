import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashApiKey } from '../../src/domain/api-key.ts';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';

describe('rotateApiKey', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  const newKey = () =>
    world.createApiKey(world.admin, { name: 'ci', role: 'VIEWER', secret: randomBytes(32) });
  const rotate = (id: string, overlapDays = 0) =>
    world.rotateApiKey(world.admin, { id, overlapDays, secret: randomBytes(32) });
  const hashes = async (id: string) => {
    const { secretHash, previousSecretHash } = await world.rows.apiKey.findFirstOrThrow({ where: { id } });
    return [secretHash, previousSecretHash].map((hash) =>
      hash === null ? null : Buffer.from(hash).toString('hex'),
    );
  };
  const hashed = (key: string) => hashApiKey(key).toString('hex');

  it('keeps id, name and rights, and lets the former secret go on for the overlap', async () => {
    const { id, key } = await newKey();
    const before = await world.head();
    const was = await world.rows.apiKey.findFirstOrThrow({ where: { id } });
    const rotated = await rotate(id, 7);
    expect(rotated.id).toBe(id);
    expect(rotated.key).not.toBe(key);
    expect(rotated.key.slice(0, 21)).toBe(key.slice(0, 21));
    expect(await hashes(id)).toEqual([hashed(rotated.key), hashed(key)]);
    const row = await world.rows.apiKey.findFirstOrThrow({ where: { id } });
    const { name, role, scopes, createdAt } = was;
    expect(row).toMatchObject({ name, role, scopes, createdAt });
    const overlapMs = (row.previousExpiresAt?.getTime() ?? 0) - (row.rotatedAt?.getTime() ?? 0);
    expect(overlapMs).toBe(7 * 24 * 3_600_000);
    expect(await world.events({ after: before })).toMatchObject([
      {
        type: 'ApiKeyRotated',
        payload: {
          apiKeyId: id,
          name: 'ci',
          before: { rotatedAt: null, previousExpiresAt: null },
          after: {
            rotatedAt: row.rotatedAt?.toISOString(),
            previousExpiresAt: row.previousExpiresAt?.toISOString(),
          },
        },
      },
    ]);
  });

  it('without an overlap ends the former secret at once; a second rotation ends the one before that', async () => {
    const { id } = await newKey();
    const second = await rotate(id, 3);
    const third = await rotate(id, 1);
    expect(await hashes(id)).toEqual([hashed(third.key), hashed(second.key)]);
    const fourth = await rotate(id);
    expect(await hashes(id)).toEqual([hashed(fourth.key), null]);
    expect((await world.rows.apiKey.findFirstOrThrow({ where: { id } })).previousExpiresAt).toBeNull();
  });

  it('refuses what is not there, what has ended, and who may not', async () => {
    const { id } = await newKey();
    for (const unknown of [v7(), 'no uuid', '\ud800'])
      await expectRefusal(world, NotFound, () => rotate(unknown));
    for (const days of [8, -1]) await expectRefusal(world, InvalidInput, () => rotate(id, days));
    const input = { id, overlapDays: 0, secret: randomBytes(32) };
    await expectRefusal(world, Forbidden, () => world.rotateApiKey(world.reader, input));
    const narrow = { ...world.admin, scopes: ['keys:manage'] as const };
    const refused = await expectRefusal(world, Forbidden, () => world.rotateApiKey(narrow, input));
    expect(refused.message).toContain('"registry:read"');
    const { id: workspaceId } = await world.ensureWorkspace({ slug: 'elsewhere', name: 'Elsewhere' });
    await expectRefusal(world, NotFound, () => world.rotateApiKey({ ...world.admin, workspaceId }, input));
    await world.database.query(`UPDATE "api_key" SET expires_at = now() WHERE id = $1`, [id]);
    expect((await expectRefusal(world, InvalidInput, () => rotate(id))).message).toMatch(/expired/);
    await world.revokeApiKey(world.admin, { id });
    expect((await expectRefusal(world, InvalidInput, () => rotate(id))).message).toMatch(/revoked/);
  });
});
