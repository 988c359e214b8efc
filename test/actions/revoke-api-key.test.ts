import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Forbidden, NotFound } from '../../src/domain/errors.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { upTo } from '../support/seed.ts';

describe('revokeApiKey', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  const newKey = () =>
    world.createApiKey(world.admin, { name: 'ci', role: 'VIEWER', secret: randomBytes(32) });

  it('ends the key and tells it; the second time changes nothing', async () => {
    const { id } = await newKey();
    const before = await world.head();
    await world.revokeApiKey(world.admin, { id });
    expect((await world.rows.apiKey.findFirstOrThrow({ where: { id } })).revokedAt).toBeInstanceOf(Date);
    expect(await world.events({ after: before })).toMatchObject([
      { type: 'ApiKeyRevoked', payload: { apiKeyId: id, name: 'ci' } },
    ]);
    const state = await world.state();
    await world.revokeApiKey(world.admin, { id });
    expect(await world.state()).toEqual(state);
  });

  it('tells it once when many revoke at once', async () => {
    const { id } = await newKey();
    const before = await world.head();
    await Promise.all(upTo(8).map(() => world.revokeApiKey(world.admin, { id })));
    expect(await world.events({ after: before })).toHaveLength(1);
  });

  it('refuses unknown keys, ids that are none, keys of another workspace, and readers', async () => {
    const { id } = await newKey();
    const { id: workspaceId } = await world.ensureWorkspace({ slug: 'elsewhere', name: 'Elsewhere' });
    expect(
      await expectRefusal(world, NotFound, () => world.revokeApiKey({ ...world.admin, workspaceId }, { id })),
    ).toHaveProperty('code', 'NOT_FOUND');
    for (const unknown of [v7(), 'no uuid', '', 'a\u0000', '\ud800']) {
      await expectRefusal(world, NotFound, () => world.revokeApiKey(world.admin, { id: unknown }));
    }
    await expectRefusal(world, Forbidden, () => world.revokeApiKey(world.reader, { id }));
  });
});
