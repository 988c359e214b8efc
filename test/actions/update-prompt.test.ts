import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { SlugTaken } from '../../src/domain/prompt.ts';
import { createTestApp, expectRefusal, refusedOf } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, versionNumbers } from '../support/seed.ts';

describe('updatePrompt', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  const metadata = (id: string) =>
    world.rows.prompt.findFirstOrThrow({
      where: { id },
      select: { slug: true, description: true, tags: true, owner: true },
    });

  it('changes what is given, clears what is null and leaves what is absent', async () => {
    const { slug, id } = await seed(world).prompt().build();
    await world.updatePrompt(world.admin, { slug, description: 'd', tags: ['x', 'y'], owner: 'o' });
    expect(await metadata(id)).toEqual({ slug, description: 'd', tags: ['x', 'y'], owner: 'o' });
    await world.updatePrompt(world.admin, { slug, description: 'e' });
    expect(await metadata(id)).toEqual({ slug, description: 'e', tags: ['x', 'y'], owner: 'o' });
    expect(await world.updatePrompt(world.admin, { slug, description: null, tags: null, owner: null })).toBe(
      id,
    );
    expect(await metadata(id)).toEqual({ slug, description: null, tags: [], owner: null });
  });

  it('tells what changed, and only that; no event when nothing did', async () => {
    const { slug } = await seed(world).prompt().build();
    await world.updatePrompt(world.admin, { slug, description: 'd', owner: 'o' });
    const before = await world.head();
    await world.updatePrompt(world.admin, { slug, description: 'e', owner: 'o', tags: ['t'] });
    const changes = { before: { description: 'd', tags: [] }, after: { description: 'e', tags: ['t'] } };
    expect(await world.events({ after: before })).toMatchObject([
      { type: 'PromptUpdated', payload: { slug, ...changes } },
    ]);
    const state = await world.state();
    await world.updatePrompt(world.admin, { slug, description: 'e', owner: 'o', tags: ['t'], newSlug: slug });
    await world.updatePrompt(world.admin, { slug });
    expect(await world.state()).toEqual(state);
  });

  it('takes another order of tags for a change', async () => {
    const { slug, id } = await seed(world).prompt().build();
    await world.updatePrompt(world.admin, { slug, tags: ['a', 'b'] });
    await world.updatePrompt(world.admin, { slug, tags: ['b', 'a'] });
    expect((await metadata(id)).tags).toEqual(['b', 'a']);
  });

  it('renames: versions and channels stay, the old slug is free and the search text follows', async () => {
    const { slug, id } = await seed(world).prompt().versions(3).serving('stable', 2).build();
    const newSlug = `${slug}/renamed`;
    await world.updatePrompt(world.admin, { slug, newSlug });
    expect(await versionNumbers(world, newSlug)).toEqual([1, 2, 3]);
    const search = await world.rows.promptSearch.findFirstOrThrow({ where: { promptId: id } });
    expect(search.text).toContain(newSlug);
    await world.createPrompt(world.admin, { slug, content: { template: 'another' } });
    await expectRefusal(world, SlugTaken, () => world.updatePrompt(world.admin, { slug, newSlug }));
  });

  it('changes the metadata of an archived prompt as well', async () => {
    const { slug, id } = await seed(world).prompt().archived().build();
    await world.updatePrompt(world.admin, { slug, owner: 'archivist' });
    expect((await metadata(id)).owner).toBe('archivist');
  });

  it('refuses bad input, unknown prompts and readers', async () => {
    const { slug } = await seed(world).prompt().build();
    for (const [field, input] of Object.entries({
      newSlug: { newSlug: '../up' },
      description: { description: 'x'.repeat(2001) },
      owner: { owner: 'x'.repeat(201) },
      'tags[1]': { tags: ['a', 'a'] },
    })) {
      const refused = await expectRefusal(world, InvalidInput, () =>
        world.updatePrompt(world.admin, { slug, ...input }),
      );
      expect(refused.field).toBe(field);
    }
    const cleared = await expectRefusal(world, InvalidInput, () =>
      world.updatePrompt(world.admin, { slug, newSlug: null }),
    );
    expect(cleared.field).toBe('newSlug');
    await expectRefusal(world, NotFound, () =>
      world.updatePrompt(world.admin, { slug: 'update/unknown', owner: 'x' }),
    );
    await expectRefusal(world, Forbidden, () => world.updatePrompt(world.reader, { slug, owner: 'x' }));
  });

  it('gives a slug to one of several prompts that are renamed to it at once', async () => {
    const prompts = await Promise.all([1, 2, 3, 4].map(() => seed(world).prompt().build()));
    const renames = prompts.map(({ slug }) =>
      world.updatePrompt(world.admin, { slug, newSlug: 'update/race' }),
    );
    const refused = await refusedOf(renames);
    expect(refused).toHaveLength(3);
    for (const reason of refused) expect(reason).toBeInstanceOf(SlugTaken);
  });
});
