import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChannelNotFound, ChannelReserved } from '../../src/domain/channel.ts';
import { Forbidden, InvalidInput, NotFound } from '../../src/domain/errors.ts';
import { ChannelMoved } from '../../src/domain/promotion.ts';
import { PromptArchived } from '../../src/domain/prompt.ts';
import { VersionNotFound } from '../../src/domain/version.ts';
import { createTestApp, expectRefusal } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { seed, serving, upTo } from '../support/seed.ts';

describe('promoteVersions', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  const prompts = (count: number) =>
    Promise.all(upTo(count).map(() => seed(world).prompt().versions(2).serving('stable', 1).build()));

  it('moves all prompts in one commit, with events in the order of the items', async () => {
    const seeded = await prompts(5);
    const slugs = seeded.map(({ slug }) => slug).toReversed();
    const before = await world.head();
    const items = slugs.map((slug, index) => ({
      slug,
      version: 2,
      ...(index === 2 ? { expectedVersion: 1 } : {}),
    }));
    const first = await world.promoteVersions(world.admin, { items, reason: 'Release' });
    const events = await world.events({ after: before });
    expect(events.map(({ seq }) => seq)).toEqual(upTo(5).map((n) => before + n));
    expect(new Set(events.map(({ commitSeq }) => commitSeq))).toEqual(new Set([before + 1]));
    expect(events.map(({ payload }) => payload['slug'])).toEqual(slugs);
    expect(events[0]?.promotionId).toBe(first);
    for (const slug of slugs) expect(await serving(world, slug, 'stable')).toBe(2);
    const rows = await world.rows.promotion.findMany({
      where: { id: { in: events.map(({ promotionId }) => promotionId ?? '') } },
    });
    expect(rows.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual(
      upTo(5).map(() => 'PROMOTION Release'),
    );
  });

  it('changes nothing when one item of many is refused', async () => {
    const [a, b, c] = await prompts(3);
    const archived = await seed(world).prompt().archived().build();
    const [slugA, slugB, slugC] = [a?.slug ?? '', b?.slug ?? '', c?.slug ?? ''];
    const good = [
      { slug: slugA, version: 2 },
      { slug: slugB, version: 2 },
    ];
    const promote = (item: object) => () =>
      world.promoteVersions(world.admin, { items: [...good, { slug: slugC, version: 2, ...item }] });
    await expectRefusal(world, NotFound, promote({ slug: 'batch/unknown' }));
    await expectRefusal(world, NotFound, promote({ slug: 'no slug' }));
    await expectRefusal(world, VersionNotFound, promote({ version: 3 }));
    await expectRefusal(world, ChannelMoved, promote({ expectedVersion: 2 }));
    await expectRefusal(world, PromptArchived, promote({ slug: archived.slug, version: 1 }));
    const repeated = await expectRefusal(world, InvalidInput, promote({ slug: slugA, version: 1 }));
    expect(repeated.field).toBe('items[2].slug');
    await expectRefusal(world, ChannelNotFound, () =>
      world.promoteVersions(world.admin, { items: good, channel: 'unknown' }),
    );
    await expectRefusal(world, ChannelReserved, () =>
      world.promoteVersions(world.admin, { items: good, channel: 'latest' }),
    );
    await expectRefusal(world, Forbidden, () => world.promoteVersions(world.reader, { items: good }));
    await expectRefusal(world, InvalidInput, () =>
      world.promoteVersions(world.admin, { items: good, reason: 'x'.repeat(2001) }),
    );
  });

  it('takes 1 to 500 items', async () => {
    const many = upTo(501).map((n) => ({ slug: `batch/${n}`, version: 1 }));
    for (const items of [[], many]) {
      const { field } = await expectRefusal(world, InvalidInput, () =>
        world.promoteVersions(world.admin, { items }),
      );
      expect(field).toBe('items');
    }
    const versions = many.slice(0, 500).map(({ slug }) => ({
      slug,
      committedAt: new Date(0),
      message: 'seed',
      content: { template: slug },
    }));
    for (const page of upTo(5))
      await world.importVersions(world.admin, { versions: versions.slice((page - 1) * 100, page * 100) });
    const before = await world.head();
    await world.promoteVersions(world.admin, { items: many.slice(0, 500) });
    const events = await world.events({ after: before });
    expect(events.map(({ payload }) => payload['slug'])).toEqual(many.slice(0, 500).map(({ slug }) => slug));
    expect(new Set(events.map(({ commitSeq }) => commitSeq)).size).toBe(1);
  });

  it('never deadlocks with batches that name the same prompts in the opposite order', async () => {
    const slugs = (await prompts(8)).map(({ slug }) => slug);
    const before = await world.head();
    world.statements.length = 0;
    const batches = upTo(16).map((n) => {
      const ordered = n % 2 === 0 ? slugs : slugs.toReversed();
      const items = ordered.map((slug) => ({ slug, version: 1 + (n % 2) }));
      return world.promoteVersions(world.admin, { items, reason: `batch ${n}` });
    });
    await Promise.all(batches);
    const events = await world.events({ after: before });
    expect(events).toHaveLength(16 * 8);
    const served = new Set(await Promise.all(slugs.map((slug) => serving(world, slug, 'stable'))));
    expect(served.size).toBe(1);
    // A deadlock would be run again and not reach the caller, but its attempt ends in a rollback.
    expect(world.statements.filter((sql) => sql === 'ROLLBACK')).toEqual([]);
  });
});
