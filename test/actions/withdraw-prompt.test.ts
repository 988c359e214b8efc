import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChannelNotFound, ChannelReserved } from '../../src/domain/channel.ts';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { ChannelMoved } from '../../src/domain/promotion.ts';
import { createTestApp, expectRefusal, refusedOf } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, serving, upTo } from '../support/seed.ts';

describe('withdrawPrompt', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  it('makes the channel serve nothing of the prompt, records it and tells it', async () => {
    const { slug, id: promptId } = await seed(world).prompt().versions(2).serving('stable', 2).build();
    const before = await world.head();
    const id = await world.withdrawPrompt(world.admin, { slug, channel: 'stable', reason: 'Wrong text' });
    expect(await serving(world, slug, 'stable')).toBeNull();
    expect(await serving(world, slug, 'latest')).toBe(2);
    const row = await world.rows.promotion.findFirstOrThrow({
      where: { id },
      include: { previousVersion: true },
    });
    expect(row).toMatchObject({
      kind: 'WITHDRAWAL',
      versionId: null,
      reason: 'Wrong text',
      previousVersion: { number: 2 },
    });
    const payload = { slug, channel: 'stable', previousVersion: 2 };
    expect(await world.events({ after: before })).toMatchObject([
      { type: 'VersionWithdrawn', promptId, promotionId: id, payload },
    ]);
  });

  it('refuses when the channel serves another version than expected, and names that one', async () => {
    const { slug } = await seed(world).prompt().versions(2).serving('stable', 2).build();
    const input = { slug, channel: 'stable' };
    for (const expectedVersion of [0, 1]) {
      const moved = await expectRefusal(world, ChannelMoved, () =>
        world.withdrawPrompt(world.admin, { ...input, expectedVersion }),
      );
      expect(moved.servingVersionId).not.toBeNull();
    }
    await world.withdrawPrompt(world.admin, { ...input, expectedVersion: 2 });
    const gone = await expectRefusal(world, ChannelMoved, () =>
      world.withdrawPrompt(world.admin, { ...input, expectedVersion: 2 }),
    );
    expect(gone.servingVersionId).toBeNull();
  });

  it('withdraws once when many do at once', async () => {
    const { slug } = await seed(world).prompt().serving('stable', 1).build();
    const before = await world.head();
    const refused = await refusedOf(
      upTo(8).map(() => world.withdrawPrompt(world.admin, { slug, channel: 'stable' })),
    );
    expect(refused).toHaveLength(7);
    for (const reason of refused) expect(reason).toBeInstanceOf(NotFound);
    expect(await world.events({ after: before })).toHaveLength(1);
  });

  it('refuses where nothing is served, what does not exist, latest, reasons that are too long, and readers', async () => {
    const { slug } = await seed(world).prompt().versions(2).build();
    const archived = await seed(world).prompt().serving('stable', 1).archived().build();
    const { admin } = world;
    expect(
      await expectRefusal(world, NotFound, () => world.withdrawPrompt(admin, { slug, channel: 'stable' })),
    ).toHaveProperty('code', 'NOT_FOUND');
    await expectRefusal(world, NotFound, () =>
      world.withdrawPrompt(admin, { slug: archived.slug, channel: 'stable' }),
    );
    await expectRefusal(world, NotFound, () =>
      world.withdrawPrompt(admin, { slug: 'withdraw/unknown', channel: 'stable' }),
    );
    await expectRefusal(world, NotFound, () =>
      world.withdrawPrompt(admin, { slug: 'no slug', channel: 'stable' }),
    );
    await expectRefusal(world, ChannelNotFound, () =>
      world.withdrawPrompt(admin, { slug, channel: 'unknown' }),
    );
    await expectRefusal(world, ChannelReserved, () =>
      world.withdrawPrompt(admin, { slug, channel: 'latest' }),
    );
    const long = { slug, channel: 'stable', reason: 'x'.repeat(2001) };
    await expectRefusal(world, InvalidInput, () => world.withdrawPrompt(admin, long));
    await expectRefusal(world, Forbidden, () =>
      world.withdrawPrompt(world.reader, { slug, channel: 'stable' }),
    );
  });
});
