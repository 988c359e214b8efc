import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChannelNotFound, ChannelReserved } from '../../src/domain/channel.ts';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { ChannelMoved } from '../../src/domain/promotion.ts';
import { PromptArchived } from '../../src/domain/prompt.ts';
import { VersionNotFound } from '../../src/domain/version.ts';
import { createTestApp, expectRefusal, refusedOf } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, serving } from '../support/seed.ts';

describe('promoteVersion', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  const promotion = (id: string) =>
    world.rows.promotion.findFirstOrThrow({
      where: { id },
      include: { version: true, previousVersion: true, channel: true },
    });

  it('points stable at the version, records it and tells it in one event', async () => {
    const { slug, id: promptId } = await seed(world).prompt().versions(3).serving('stable', 1).build();
    const before = await world.head();
    const id = await world.promoteVersion(world.colleague, { slug, version: 3, reason: 'Reviewed' });
    expect(await serving(world, slug, 'stable')).toBe(3);
    const row = { kind: 'PROMOTION', reason: 'Reviewed', actorName: 'grace', channel: { name: 'stable' } };
    expect(await promotion(id)).toMatchObject({
      ...row,
      version: { number: 3 },
      previousVersion: { number: 1 },
    });
    const contentHash = (
      await world.rows.promotion.findFirstOrThrow({ where: { id }, include: { version: true } })
    ).version?.contentHash;
    const payload = {
      slug,
      channel: 'stable',
      kind: 'PROMOTION',
      version: 3,
      previousVersion: 1,
      contentHash,
    };
    expect(await world.events({ after: before })).toMatchObject([
      { seq: before + 1, commitSeq: before + 1, type: 'VersionPromoted', promptId, promotionId: id, payload },
    ]);
    expect(world.commits.at(-1)?.seq).toBe(BigInt(before + 1));
  });

  it('moves the channel that is named and no other, to older versions as well', async () => {
    const canary = await seed(world).channel();
    const { slug } = await seed(world).prompt().versions(3).serving('stable', 3).build();
    await world.promoteVersion(world.admin, { slug, version: 2, channel: canary });
    await world.promoteVersion(world.admin, { slug, version: 1, channel: canary });
    const [onCanary, onStable] = [await serving(world, slug, canary), await serving(world, slug, 'stable')];
    expect([onCanary, onStable]).toEqual([1, 3]);
  });

  it('records a promotion to what is served already as a promotion of its own', async () => {
    const { slug } = await seed(world).prompt().serving('stable', 1).build();
    const id = await world.promoteVersion(world.admin, { slug, version: 1 });
    expect(await promotion(id)).toMatchObject({ kind: 'PROMOTION', previousVersion: { number: 1 } });
  });

  it('refuses when the channel serves another version than expected, and names that one', async () => {
    const { slug } = await seed(world).prompt().versions(3).serving('stable', 2).build();
    const fresh = await seed(world).prompt().build();
    const attempt = (expectedVersion: number) => () =>
      world.promoteVersion(world.admin, { slug, version: 3, expectedVersion });
    for (const expected of [0, 1, 3, -1]) {
      const moved = await expectRefusal(world, ChannelMoved, attempt(expected));
      const row = await world.rows.promptVersion.findFirstOrThrow({
        where: { id: moved.servingVersionId ?? '' },
      });
      expect(row.number).toBe(2);
    }
    await attempt(2)();
    expect(await serving(world, slug, 'stable')).toBe(3);
    const promoteFresh = (expectedVersion: number) =>
      world.promoteVersion(world.admin, { slug: fresh.slug, version: 1, expectedVersion });
    const moved = await expectRefusal(world, ChannelMoved, () => promoteFresh(1));
    expect(moved.servingVersionId).toBeNull();
    await promoteFresh(0);
    expect(await serving(world, fresh.slug, 'stable')).toBe(1);
  });

  it('takes 0 for "serves nothing" after a withdrawal, too', async () => {
    const { slug } = await seed(world).prompt().serving('stable', 1).withdrawn('stable').build();
    await expectRefusal(world, ChannelMoved, () =>
      world.promoteVersion(world.admin, { slug, version: 1, expectedVersion: 1 }),
    );
    await world.promoteVersion(world.admin, { slug, version: 1, expectedVersion: 0 });
    expect(await serving(world, slug, 'stable')).toBe(1);
  });

  it('lets one of many with the same expectation through', async () => {
    const { slug } = await seed(world).prompt().versions(9).serving('stable', 1).build();
    const attempts = [2, 3, 4, 5, 6, 7, 8, 9].map((version) =>
      world.promoteVersion(world.admin, { slug, version, expectedVersion: 1 }),
    );
    const refused = await refusedOf(attempts);
    expect(refused).toHaveLength(7);
    for (const reason of refused) expect(reason).toBeInstanceOf(ChannelMoved);
  });

  it('refuses what does not exist, latest, archived prompts, reasons that are too long, and readers', async () => {
    const { slug } = await seed(world).prompt().versions(2).build();
    const archived = await seed(world).prompt().archived().build();
    const input = { slug, version: 1 };
    const { admin } = world;
    expect(
      await expectRefusal(world, NotFound, () =>
        world.promoteVersion(admin, { ...input, slug: 'promote/unknown' }),
      ),
    ).toHaveProperty('code', 'NOT_FOUND');
    for (const version of [0, -1, 3, 2_147_483_647]) {
      await expectRefusal(world, VersionNotFound, () => world.promoteVersion(admin, { slug, version }));
    }
    for (const channel of ['unknown', 'No Name', '']) {
      await expectRefusal(world, ChannelNotFound, () => world.promoteVersion(admin, { ...input, channel }));
    }
    await expectRefusal(world, ChannelReserved, () =>
      world.promoteVersion(admin, { ...input, channel: 'latest' }),
    );
    await expectRefusal(world, PromptArchived, () =>
      world.promoteVersion(admin, { slug: archived.slug, version: 1 }),
    );
    await expectRefusal(world, InvalidInput, () =>
      world.promoteVersion(admin, { ...input, reason: 'x'.repeat(2001) }),
    );
    await expectRefusal(world, Forbidden, () => world.promoteVersion(world.reader, input));
  });
});
