import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChannelReserved, CHANNELS_MAX } from '../../src/domain/channel.ts';
import { Forbidden, InvalidInput } from '../../src/domain/errors.ts';
import { createTestApp, expectRefusal, refusedOf } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { upTo } from '../support/seed.ts';

describe('createChannel', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  it('creates a channel that serves nothing, and tells it', async () => {
    const before = await world.head();
    const id = await world.createChannel(world.admin, { name: 'canary', description: 'A few of us' });
    const channel = await world.rows.channel.findFirstOrThrow({ where: { id }, include: { pointers: true } });
    expect(channel).toMatchObject({ name: 'canary', description: 'A few of us', pointers: [] });
    const payload = { channelId: id, channel: 'canary' };
    expect(await world.events({ after: before })).toMatchObject([{ type: 'ChannelCreated', payload }]);
  });

  it('refuses the two that every workspace has, names that exist and names that are none', async () => {
    for (const name of ['latest', 'stable']) {
      await expectRefusal(world, ChannelReserved, () => world.createChannel(world.admin, { name }));
    }
    await world.createChannel(world.admin, { name: 'twice' });
    for (const name of ['twice', '', 'A', '1st', '-x', 'a_b', 'a'.repeat(33), 'a\n', 'ä']) {
      const refused = await expectRefusal(world, InvalidInput, () =>
        world.createChannel(world.admin, { name }),
      );
      expect(refused.field).toBe('name');
    }
    const long = { name: 'long', description: 'x'.repeat(2001) };
    expect(
      (await expectRefusal(world, InvalidInput, () => world.createChannel(world.admin, long))).field,
    ).toBe('description');
    await expectRefusal(world, Forbidden, () => world.createChannel(world.reader, { name: 'other' }));
  });

  it('lets one of many create a name at once', async () => {
    const refused = await refusedOf(upTo(8).map(() => world.createChannel(world.admin, { name: 'race' })));
    expect(refused).toHaveLength(7);
    for (const reason of refused) expect(reason).toBeInstanceOf(InvalidInput);
  });

  it('ends at 32 channels of a workspace, however many are created at once', async () => {
    const { id: workspaceId } = await world.ensureWorkspace({ slug: 'crowded', name: 'Crowded' });
    const admin = { ...world.admin, workspaceId };
    const refused = await refusedOf(upTo(36).map((n) => world.createChannel(admin, { name: `c-${n}` })));
    for (const reason of refused) expect(reason).toBeInstanceOf(InvalidInput);
    expect(await world.rows.channel.count({ where: { workspaceId } })).toBe(CHANNELS_MAX);
    expect(refused).toHaveLength(36 - (CHANNELS_MAX - 2));
  });
});
