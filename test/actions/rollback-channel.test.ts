import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChannelNotFound, ChannelReserved } from '../../src/domain/channel.ts';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { ChannelMoved, NothingToRollBack } from '../../src/domain/promotion.ts';
import { PromptArchived } from '../../src/domain/prompt.ts';
import { VersionNotFound } from '../../src/domain/version.ts';
import { createTestApp, expectRefusal, refusedOf } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, serving } from '../support/seed.ts';

describe('rollbackChannel', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  /** P2 promotes version 2, R rolls back, R2 rolls back to version 2, W withdraws, A archives and restores. */
  async function perform(slug: string, step: string): Promise<unknown> {
    const { admin } = world;
    const number = Number(step.slice(1));
    if (step.startsWith('P')) return world.promoteVersion(admin, { slug, version: number });
    if (step === 'W') return world.withdrawPrompt(admin, { slug, channel: 'stable' });
    if (step === 'R') return world.rollbackChannel(admin, { slug });
    if (step.startsWith('R')) return world.rollbackChannel(admin, { slug, toVersion: number });
    await world.archivePrompt(admin, { slug });
    return world.restorePrompt(admin, { slug });
  }

  it.each([
    ['P1 P2 P3 R', [1, 2, 3, 2], 'R -> 1'],
    ['P1 P2 P3 R R', [1, 2, 3, 2, 1], 'refused'],
    ['P1 P2 R P3 R', [1, 2, 1, 3, 1], 'refused'],
    ['P1 P2 P1 R R', [1, 2, 1, 2, 1], 'refused'],
    ['P1', [1], 'refused'],
    ['P1 P1 R', [1, 1, 1], 'refused'],
    ['P1 P2 W R', [1, 2, null, 2], 'R -> 1'],
    ['P1 W R', [1, null, 1], 'refused'],
    ['P1 P2 W P3 R', [1, 2, null, 3, 2], 'R -> 1'],
    ['P1 P2 R W R', [1, 2, 1, null, 1], 'refused'],
    ['P1 P2 A R', [1, 2, null, 2], 'R -> 1'],
    ['P1 P2 P3 R1', [1, 2, 3, 1], 'refused'],
    ['P1 P2 P3 R1 R3', [1, 2, 3, 1, 3], 'R -> 2'],
    ['P1 P2 P1 P3 R1', [1, 2, 1, 3, 1], 'R -> 2'],
    ['P1 P2 W R1', [1, 2, null, 1], 'refused'],
    ['P1 P2 R2', [1, 2, 2], 'R -> 1'],
  ])('%s serves %j, then %s', async (walk, expected, last) => {
    const { slug } = await seed(world).prompt().versions(3).build();
    const served: (number | null)[] = [];
    for (const step of walk.split(' ')) {
      await perform(slug, step);
      served.push(await serving(world, slug, 'stable'));
    }
    expect(served).toEqual(expected);
    if (last === 'refused') {
      await expectRefusal(world, NothingToRollBack, () => perform(slug, 'R'));
      return;
    }
    await perform(slug, 'R');
    expect(`R -> ${await serving(world, slug, 'stable')}`).toBe(last);
  });

  it('records the kind that was called, what it left and why, and tells it in one event', async () => {
    const { slug, id: promptId } = await seed(world).prompt().versions(2).serving('stable', 1, 2).build();
    const before = await world.head();
    const id = await world.rollbackChannel(world.colleague, { slug, reason: 'Incident 7' });
    const row = await world.rows.promotion.findFirstOrThrow({
      where: { id },
      include: { version: true, previousVersion: true },
    });
    expect(row).toMatchObject({ kind: 'ROLLBACK', reason: 'Incident 7', actorName: 'grace' });
    expect(row).toMatchObject({ version: { number: 1 }, previousVersion: { number: 2 } });
    const payload = { slug, channel: 'stable', kind: 'ROLLBACK', version: 1, previousVersion: 2 };
    expect(await world.events({ after: before })).toMatchObject([
      { type: 'VersionPromoted', promptId, promotionId: id, payload },
    ]);
  });

  it('keeps a stack for each channel and each prompt', async () => {
    const canary = await seed(world).channel();
    const { slug } = await seed(world)
      .prompt()
      .versions(3)
      .serving('stable', 1, 2)
      .serving(canary, 3, 1)
      .build();
    const other = await seed(world).prompt().versions(3).serving('stable', 3).build();
    await world.rollbackChannel(world.admin, { slug, channel: canary });
    expect(await serving(world, slug, canary)).toBe(3);
    expect(await serving(world, slug, 'stable')).toBe(2);
    await expectRefusal(world, NothingToRollBack, () =>
      world.rollbackChannel(world.admin, { slug: other.slug }),
    );
  });

  it('goes to a version only if this channel was promoted to it, and it exists', async () => {
    const canary = await seed(world).channel();
    const { slug } = await seed(world)
      .prompt()
      .versions(3)
      .serving('stable', 1, 2)
      .serving(canary, 3)
      .build();
    for (const toVersion of [3, 4, 0, -1]) {
      const refused = await expectRefusal(world, VersionNotFound, () =>
        world.rollbackChannel(world.admin, { slug, toVersion }),
      );
      expect(refused.message).toContain(String(toVersion));
    }
  });

  it('refuses when the channel serves another version than expected, so that two people do not walk back two', async () => {
    const { slug } = await seed(world).prompt().versions(3).serving('stable', 1, 2, 3).build();
    const attempts = [3, 3, 3].map((expectedVersion) =>
      world.rollbackChannel(world.admin, { slug, expectedVersion }),
    );
    const refused = await refusedOf(attempts);
    expect(refused).toHaveLength(2);
    for (const reason of refused) expect(reason).toBeInstanceOf(ChannelMoved);
    expect(await serving(world, slug, 'stable')).toBe(2);
    await world.withdrawPrompt(world.admin, { slug, channel: 'stable' });
    await expectRefusal(world, ChannelMoved, () =>
      world.rollbackChannel(world.admin, { slug, expectedVersion: 2 }),
    );
    await world.rollbackChannel(world.admin, { slug, expectedVersion: 0 });
    expect(await serving(world, slug, 'stable')).toBe(2);
  });

  it('refuses where nothing was ever promoted, what does not exist, latest, archived prompts, and readers', async () => {
    const { slug } = await seed(world).prompt().versions(2).build();
    const archived = await seed(world).prompt().versions(2).serving('stable', 1, 2).archived().build();
    const { admin } = world;
    expect(
      await expectRefusal(world, NothingToRollBack, () => world.rollbackChannel(admin, { slug })),
    ).toHaveProperty('code', 'NOTHING_TO_ROLL_BACK');
    await expectRefusal(world, NotFound, () => world.rollbackChannel(admin, { slug: 'rollback/unknown' }));
    await expectRefusal(world, NotFound, () => world.rollbackChannel(admin, { slug: '..' }));
    await expectRefusal(world, ChannelNotFound, () =>
      world.rollbackChannel(admin, { slug, channel: 'unknown' }),
    );
    await expectRefusal(world, ChannelReserved, () =>
      world.rollbackChannel(admin, { slug, channel: 'latest' }),
    );
    await expectRefusal(world, PromptArchived, () => world.rollbackChannel(admin, { slug: archived.slug }));
    await expectRefusal(world, InvalidInput, () =>
      world.rollbackChannel(admin, { slug, reason: 'x'.repeat(2001) }),
    );
    await expectRefusal(world, Forbidden, () => world.rollbackChannel(world.reader, { slug }));
  });
});
