import { describe, expect, it } from 'vitest';
import { seed, upTo } from '../support/seed.ts';
import { createHubStage } from './hub-fixture.ts';

const MANY = 250;

async function stageWith(versions: number) {
  const stage = await createHubStage();
  const { slug } = await seed(stage.world).prompt().versions(versions).build();
  await stage.settled();
  const promote = (version: number) => stage.world.promoteVersion(stage.world.admin, { slug, version });
  return { stage, promote };
}

describe('a fan-out', () => {
  it('renders once, writes once to each, counts for each actor and slice, and moves all with one place', async () => {
    const { stage, promote } = await stageWith(2);
    const followers = upTo(MANY).map(() => stage.join());
    await promote(1);
    await Promise.all(followers.map(({ sink }) => sink.next()));
    await stage.settled();
    expect(stage.rendered()).toBe(1);
    expect(followers.every(({ sink }) => sink.frames.length === 1)).toBe(true);
    expect(stage.pushed.reduce((sum, { times }) => sum + times, 0)).toBe(MANY);
    expect(stage.pushed.length).toBeLessThanOrEqual(1 + Math.ceil(MANY / 100));
    const places = () => new Set(stage.joined.map(({ told }) => told));
    await expect.poll(() => places().size).toBe(1);
    const [place] = places();
    expect(place).toMatchObject({
      sharedId: expect.any(String),
      cursor: followers[0]?.sink.frames[0]?.cursor,
    });
    await promote(2);
    const frames = await Promise.all(followers.map(({ sink }) => sink.next()));
    await expect.poll(() => place?.cursor).toBe(frames[0]?.cursor);
    expect([...places()]).toEqual([place]);
  });

  it('leaves who took nothing where it was, and takes it along again when it has caught up', async () => {
    const { stage, promote } = await stageWith(3);
    const [one, two, slow] = upTo(3).map(() => stage.join());
    if (one === undefined || two === undefined || slow === undefined) throw new Error('three have joined');
    const cursorOf = (index: number) => stage.joined[index]?.told.cursor;
    await promote(1);
    const first = await slow.sink.next();
    await expect.poll(() => cursorOf(2)).toBe(first.cursor);
    slow.sink.stall(300 * 1024);
    await promote(2);
    await Promise.all([one, two].map(({ sink }) => sink.take(2)));
    await expect.poll(() => cursorOf(0)).toBe(one.sink.frames[1]?.cursor);
    expect(cursorOf(2)).toBe(first.cursor);
    slow.sink.flow();
    const second = await slow.sink.next();
    expect(cursorOf(2)).toBe(second.cursor);
    expect(stage.joined[2]?.told.sharedId).toBeNull();
    await expect.poll(() => stage.hub.counts().behind).toBe(0);
    await promote(3);
    const third = await slow.sink.next();
    await expect.poll(() => stage.joined[2]?.told).toBe(stage.joined[0]?.told);
    expect(cursorOf(2)).toBe(third.cursor);
  });

  it('to one alone shares no place, and those who hear bookmarks share another one than those who do not', async () => {
    const { stage, promote } = await stageWith(2);
    const alone = stage.join({ bookmarks: true });
    const greeting = await alone.sink.next();
    expect(stage.joined[0]?.told).toEqual({ sharedId: null, cursor: greeting.cursor });
    await promote(1);
    const first = await alone.sink.next();
    await expect.poll(() => stage.joined[0]?.told).toEqual({ sharedId: null, cursor: first.cursor });
    const other = stage.join();
    await expect.poll(() => stage.hub.counts().behind).toBe(0);
    await promote(2);
    const second = await other.sink.next();
    await expect
      .poll(() => stage.joined.map(({ told }) => told.cursor))
      .toEqual(upTo(2).map(() => second.cursor));
    expect(new Set(stage.joined.map(({ told }) => told.sharedId)).size).toBe(2);
  });
});
