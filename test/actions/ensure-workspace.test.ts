import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { upTo } from '../support/seed.ts';

describe('ensureWorkspace', () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await createTestApp();
  });
  afterAll(() => world.close());

  it('creates the workspace with latest and stable, its log starting at 1', async () => {
    const { id, created } = await world.ensureWorkspace({ slug: 'fresh', name: 'Fresh' });
    expect(created).toBe(true);
    const channels = await world.rows.channel.findMany({
      where: { workspaceId: id },
      orderBy: { name: 'asc' },
    });
    expect(channels.map(({ name }) => name)).toEqual(['latest', 'stable']);
    const events = await world.rows.event.findMany({ where: { workspaceId: id }, orderBy: { seq: 'asc' } });
    expect(events.map(({ seq, commitSeq, type, actorKind }) => [seq, commitSeq, type, actorKind])).toEqual([
      [1n, 1n, 'WorkspaceCreated', 'SYSTEM'],
      [2n, 1n, 'ChannelCreated', 'SYSTEM'],
      [3n, 1n, 'ChannelCreated', 'SYSTEM'],
    ]);
  });

  it('finds it the second time and changes nothing', async () => {
    const { id } = await world.ensureWorkspace({ slug: 'again', name: 'Again' });
    const state = await world.state();
    expect(await world.ensureWorkspace({ slug: 'again', name: 'Another name' })).toEqual({
      id,
      created: false,
    });
    expect(await world.state()).toEqual(state);
  });

  it('is created by one of many that start at once, and found by the others', async () => {
    const answers = await Promise.all(
      upTo(8).map(() => world.ensureWorkspace({ slug: 'race', name: 'Race' })),
    );
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(await world.rows.workspace.count({ where: { slug: 'race' } })).toBe(1);
  });
});
