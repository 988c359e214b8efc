import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor, Grant } from '../../src/domain/actor.ts';
import { Forbidden } from '../../src/domain/errors.ts';
import { expectRefusal } from '../support/app.ts';
import { createGoverned } from './governance-fixture.ts';
import type { Governed } from './governance-fixture.ts';

let world: Governed;
beforeAll(async () => {
  world = await createGoverned();
});
afterAll(() => world.close());

const limitedTo = (folder: string): readonly Grant[] => [
  { role: 'EDITOR', prompts: null, channels: null },
  { role: 'RELEASER', prompts: [folder], channels: null },
];
const rename = (by: Actor, slug: string, newSlug: string) => world.updatePrompt(by, { slug, newSlug });

describe('a rename of what a channel serves', () => {
  it('takes nothing out of production without the right to roll back', async () => {
    const slug = await world.prompt('shop');
    await world.promoteVersion(world.admin, { slug, version: 1 });
    await expectRefusal(world, Forbidden, () => rename(world.editor, slug, `${slug}/old`));
    expect(await world.served(slug)).toBe(1);
  });

  it('brings nothing into production where its author may not release', async () => {
    const lead = world.actor('lead', 'RELEASER', { grants: limitedTo('sandbox/*') });
    const slug = await world.prompt('sandbox');
    await world.promoteVersion(lead, { slug, version: 1 });
    await expectRefusal(world, Forbidden, () => rename(lead, slug, `shop/${slug}`));
    await rename(lead, slug, `${slug}/moved`);
    expect(await world.served(`${slug}/moved`)).toBe(1);
  });

  it('needs the right to manage channels where a policy demands something', async () => {
    await world.policy({ pattern: 'guarded/*', approvals: 2 });
    const slug = await world.prompt('guarded');
    await world.promoteVersion(world.admin, {
      slug,
      version: 1,
      breakGlass: true,
      reason: 'as a start of it',
    });
    const refusal = await expectRefusal(world, Forbidden, () => rename(world.releaser, slug, `${slug}/new`));
    expect(refusal.message).toMatch(/channels:manage.*channel "stable" serves it/);
    await rename(world.admin, slug, `${slug}/new`);
    expect(await world.served(`${slug}/new`)).toBe(1);
  });

  it("is nobody's way to a review that was not theirs: what was asked for is cancelled", async () => {
    const slug = await world.prompt('pay');
    const asked = await world.request(slug, 1);
    await rename(world.editor, slug, `support/${slug}`);
    expect(await world.status(asked)).toBe('CANCELLED');
  });
});
