import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Forbidden, NotFound } from '../../src/domain/errors.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, serving, upTo } from '../support/seed.ts';

describe('restorePrompt', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  it('opens the prompt again without putting it back on any channel; a rollback does that', async () => {
    const { slug, id } = await seed(world).prompt().versions(3).serving('stable', 1, 2).archived().build();
    const before = await world.head();
    expect(await world.restorePrompt(world.admin, { slug })).toBe(id);
    expect(await world.events({ after: before })).toMatchObject([
      { type: 'PromptRestored', promptId: id, payload: { slug } },
    ]);
    expect(await serving(world, slug, 'stable')).toBeNull();
    await world.rollbackChannel(world.admin, { slug });
    expect(await serving(world, slug, 'stable')).toBe(2);
    await world.rollbackChannel(world.admin, { slug });
    expect(await serving(world, slug, 'stable')).toBe(1);
    await world.editPrompt(world.admin, { slug, content: { template: 'open again' } });
    expect(await serving(world, slug, 'latest')).toBe(4);
  });

  it('changes nothing for a prompt that is not archived, and tells it once when many restore at once', async () => {
    const { slug, id } = await seed(world).prompt().archived().build();
    const before = await world.head();
    await Promise.all(upTo(8).map(() => world.restorePrompt(world.admin, { slug })));
    expect(await world.events({ after: before })).toHaveLength(1);
    const state = await world.state();
    expect(await world.restorePrompt(world.admin, { slug })).toBe(id);
    expect(await world.state()).toEqual(state);
  });

  it('refuses unknown prompts and readers', async () => {
    const { slug } = await seed(world).prompt().archived().build();
    expect(
      await expectRefusal(world, NotFound, () =>
        world.restorePrompt(world.admin, { slug: 'restore/unknown' }),
      ),
    ).toHaveProperty('code', 'NOT_FOUND');
    await expectRefusal(world, Forbidden, () => world.restorePrompt(world.reader, { slug }));
  });
});
