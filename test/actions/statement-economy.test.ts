import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, upTo } from '../support/seed.ts';

describe('the number of statements', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  async function statementsOf(work: () => Promise<unknown>): Promise<number> {
    world.statements.length = 0;
    await work();
    return world.statements.length;
  }

  it('is the same for a prompt with one version and for one with many, and is printed', async () => {
    const young = await seed(world).prompt().build();
    const old = await seed(world)
      .prompt()
      .versions(20)
      .serving('stable', ...upTo(20))
      .build();
    const { admin } = world;
    const verbs = {
      edit: ({ slug }: { slug: string }) => world.editPrompt(admin, { slug, content: { template: 'x' } }),
      'edit with key': ({ slug }: { slug: string }) =>
        world.editPrompt(admin, { slug, content: { template: 'x' }, idempotencyKey: slug }),
      promotion: ({ slug }: { slug: string }) => world.promoteVersion(admin, { slug, version: 1 }),
      'second promotion': ({ slug }: { slug: string }) => world.promoteVersion(admin, { slug, version: 2 }),
      rollback: ({ slug }: { slug: string }) => world.rollbackChannel(admin, { slug }),
    };
    for (const [name, verb] of Object.entries(verbs)) {
      const counts = [await statementsOf(() => verb(young)), await statementsOf(() => verb(old))];
      console.log(`${name}: ${counts[0]} statements`);
      expect(counts[1]).toBe(counts[0]);
    }
  });

  it('does not grow with the items of a batch', async () => {
    const prompts = await Promise.all(upTo(12).map(() => seed(world).prompt().build()));
    const items = prompts.map(({ slug }) => ({ slug, version: 1 }));
    const one = await statementsOf(() => world.promoteVersions(world.admin, { items: items.slice(0, 1) }));
    const many = await statementsOf(() => world.promoteVersions(world.admin, { items: items.slice(1) }));
    console.log(`batch: ${many} statements`);
    expect(many).toBe(one);
  });
});
