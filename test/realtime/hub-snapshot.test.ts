import { describe, expect, it } from 'vitest';
import { snapshotOf } from '../../src/realtime/resume.ts';
import { seed, upTo } from '../support/seed.ts';
import { createHubStage, versions } from './hub-fixture.ts';
import type { HubStage } from './hub-fixture.ts';

async function prompt(stage: HubStage, count: number): Promise<string> {
  return (await seed(stage.world).prompt().versions(count).build()).slug;
}

const promote = ({ world }: HubStage, slug: string, version: number) =>
  world.promoteVersion(world.admin, { slug, version });

async function batch({ world }: HubStage, slugs: readonly string[], version: number): Promise<void> {
  await world.promoteVersions(world.admin, { items: slugs.map((slug) => ({ slug, version })) });
}

describe('a snapshot', () => {
  it('is what the channel serves, and goes on without a gap', async () => {
    const stage = await createHubStage();
    const [one, two] = [await prompt(stage, 2), await prompt(stage, 2)];
    await promote(stage, one, 1);
    await promote(stage, two, 1);
    await stage.settled();
    const { sink } = stage.join({ start: snapshotOf('REQUESTED') });
    await promote(stage, two, 2);
    const first = await sink.next();
    expect(first).toMatchObject({
      type: 'ChannelSnapshot',
      reason: 'REQUESTED',
      complete: true,
      more: false,
    });
    // Whether the promotion came before or after the look at the channel, it is heard of.
    const promotions = await stage.world.rows.promotion.findMany({
      where: { prompt: { slug: two }, kind: 'PROMOTION' },
      orderBy: { ordinal: 'asc' },
      select: { id: true },
    });
    const isIn =
      first.type === 'ChannelSnapshot' &&
      first.entries.some(({ promotionId }) => promotionId === promotions[1]?.id);
    expect(isIn ? [[two, 2]] : versions([await sink.next()])).toEqual([[two, 2]]);
  });

  it('of several parts is of one state: a rename between two of them is in the second, whatever the first left in memory', async () => {
    const stage = await createHubStage();
    const { world } = stage;
    const many = upTo(100).map((index) => ({
      slug: `many/prompt-${String(index).padStart(3, '0')}`,
      committedAt: new Date('2026-01-31T12:00:00Z'),
      message: 'x',
      content: { template: 'x' },
    }));
    await world.importVersions(world.admin, { versions: many });
    const last = await prompt(stage, 1);
    await batch(stage, [...many.map(({ slug }) => slug), last], 1);
    await stage.settled();
    const slugsOf = async () => {
      const { sink } = stage.join({ start: snapshotOf('REQUESTED') });
      const parts = await sink.take(2);
      expect(parts.map((frame) => 'part' in frame && [frame.part, frame.complete])).toEqual([
        [1, false],
        [2, true],
      ]);
      return parts
        .flatMap((frame) => (frame.type === 'ChannelSnapshot' ? frame.entries : []))
        .map(({ slug }) => slug);
    };
    expect(await slugsOf()).toEqual([...many.map(({ slug }) => slug), last]);
    await world.updatePrompt(world.admin, { slug: 'many/prompt-001', newSlug: 'many/prompt-001b' });
    await stage.settled();
    const after = await slugsOf();
    expect(after).toContain('many/prompt-001b');
    expect(after).not.toContain('many/prompt-001');
    // Two parts, the two moves of the rename for who followed already, and two parts of the other state.
    expect(stage.rendered()).toBe(6);
  });

  it('is read anew for who has seen more than what is in memory', async () => {
    const stage = await createHubStage();
    const { slug } = await seed(stage.world).prompt().versions(2).serving('stable', 1).build();
    await stage.settled();
    const first = await stage.join({ start: snapshotOf('REQUESTED') }).sink.next();
    // As another node's commit that this one has not heard of: past the announcement.
    await stage.world.database.query(
      `BEGIN; SET LOCAL session_replication_role = replica; UPDATE "channel_pointer" SET version_id = NULL; COMMIT;`,
    );
    const same = await stage.join({ start: snapshotOf('REQUESTED') }).sink.next();
    expect(same).toEqual(first);
    const seen = BigInt(await stage.world.head()) + 1n;
    const anew = await stage.join({ start: snapshotOf('CURSOR_AHEAD', seen) }).sink.next();
    expect([first, anew]).toMatchObject([{ entries: [{ slug }] }, { entries: [] }]);
  });

  it('is read and rendered once for all who ask at the same place', async () => {
    const stage = await createHubStage();
    await promote(stage, await prompt(stage, 1), 1);
    await stage.settled();
    const followers = upTo(20).map(() => stage.join({ start: snapshotOf('REQUESTED') }));
    for (const { sink } of followers) expect((await sink.next()).type).toBe('ChannelSnapshot');
    expect(stage.rendered()).toBe(1);
  });
});
