import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, serving, upTo } from '../support/seed.ts';

describe('archivePrompt', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  it('withdraws the prompt from every channel but latest and tells all of it in one commit', async () => {
    const canary = await seed(world).channel();
    const emptied = await seed(world).channel();
    const { slug, id } = await seed(world)
      .prompt()
      .versions(3)
      .serving('stable', 1)
      .serving(canary, 2)
      .serving(emptied, 1)
      .withdrawn(emptied)
      .build();
    const before = await world.head();
    expect(await world.archivePrompt(world.admin, { slug, reason: 'Out of use' })).toBe(id);
    expect(await serving(world, slug, 'latest')).toBe(3);
    for (const channel of ['stable', canary, emptied]) expect(await serving(world, slug, channel)).toBeNull();
    const events = await world.events({ after: before });
    expect(new Set(events.map(({ commitSeq }) => commitSeq))).toEqual(new Set([before + 1]));
    const withdrawals = events
      .slice(0, -1)
      .map(({ type, payload }) => [type, payload['channel'], payload['previousVersion']].join(' '));
    expect(withdrawals.toSorted()).toEqual(
      [`VersionWithdrawn ${canary} 2`, 'VersionWithdrawn stable 1'].toSorted(),
    );
    expect(events.at(-1)).toMatchObject({
      type: 'PromptArchived',
      promptId: id,
      payload: { slug, reason: 'Out of use' },
    });
    const rows = await world.rows.promotion.findMany({
      where: { promptId: id },
      orderBy: { ordinal: 'asc' },
    });
    expect(rows.map(({ ordinal }) => ordinal)).toEqual(upTo(rows.length));
    expect(rows.slice(-2)).toMatchObject(
      [1, 2].map(() => ({ kind: 'WITHDRAWAL', versionId: null, reason: 'Out of use' })),
    );
    expect((await world.rows.prompt.findFirstOrThrow({ where: { id } })).archivedAt).toBeInstanceOf(Date);
  });

  it('archives what no channel serves', async () => {
    const { slug } = await seed(world).prompt().build();
    const before = await world.head();
    await world.archivePrompt(world.admin, { slug });
    expect(await world.events({ after: before })).toMatchObject([
      { type: 'PromptArchived', payload: { slug, reason: null } },
    ]);
  });

  it('changes nothing the second time, and tells it once when many archive at once', async () => {
    const { slug, id } = await seed(world).prompt().serving('stable', 1).build();
    const before = await world.head();
    const answers = await Promise.all(upTo(8).map(() => world.archivePrompt(world.admin, { slug })));
    expect(new Set(answers)).toEqual(new Set([id]));
    expect((await world.events({ after: before })).map(({ type }) => type)).toEqual([
      'VersionWithdrawn',
      'PromptArchived',
    ]);
    const state = await world.state();
    expect(await world.archivePrompt(world.admin, { slug, reason: 'again' })).toBe(id);
    expect(await world.state()).toEqual(state);
  });

  it('refuses unknown prompts, a reason that is too long, and readers', async () => {
    const { slug } = await seed(world).prompt().serving('stable', 1).build();
    expect(
      await expectRefusal(world, NotFound, () =>
        world.archivePrompt(world.admin, { slug: 'archive/unknown' }),
      ),
    ).toHaveProperty('code', 'NOT_FOUND');
    await expectRefusal(world, InvalidInput, () =>
      world.archivePrompt(world.admin, { slug, reason: 'x'.repeat(2001) }),
    );
    await expectRefusal(world, Forbidden, () => world.archivePrompt(world.reader, { slug }));
  });
});
