import { describe, expect, it } from 'vitest';
import { seed, upTo } from '../support/seed.ts';
import { deferred } from '../support/deferred.ts';
import { createHubStage, versions } from './hub-fixture.ts';
import type { HubStage } from './hub-fixture.ts';

const FULL = 300 * 1024;

async function prompt(stage: HubStage, count: number): Promise<string> {
  return (await seed(stage.world).prompt().versions(count).build()).slug;
}

const promote = ({ world }: HubStage, slug: string, version: number) =>
  world.promoteVersion(world.admin, { slug, version });

async function batch({ world }: HubStage, slugs: readonly string[], version: number): Promise<void> {
  await world.promoteVersions(world.admin, { items: slugs.map((slug) => ({ slug, version })) });
}

describe('a follower', () => {
  it('hears of what happens after it came, and renders it once for all who follow the same', async () => {
    const stage = await createHubStage();
    const slug = await prompt(stage, 2);
    await promote(stage, slug, 1);
    await stage.settled();
    const followers = upTo(5).map(() => stage.join());
    await promote(stage, slug, 2);
    for (const { sink } of followers) {
      expect(versions([await sink.next()])).toEqual([[slug, 2]]);
      expect(sink.frames).toHaveLength(1);
    }
    expect(stage.rendered()).toBe(1);
    expect(stage.hub.counts()).toEqual({ groups: 1, members: 5, behind: 0 });
    for (const { leave } of followers) leave();
    expect(stage.hub.counts()).toEqual({ groups: 0, members: 0, behind: 0 });
  });

  it('hears everything after its cursor in order, then what happens, without a gap and without a repetition', async () => {
    const stage = await createHubStage();
    const slug = await prompt(stage, 3);
    await promote(stage, slug, 1);
    const cursor = await stage.cursor();
    await promote(stage, slug, 2);
    await promote(stage, slug, 3);
    const { sink } = stage.join({ start: await stage.startAfter(cursor) });
    await promote(stage, slug, 1);
    expect(versions(await sink.take(3))).toEqual([
      [slug, 2],
      [slug, 3],
      [slug, 1],
    ]);
    const again = stage.join({ start: await stage.startAfter(sink.frames[1]?.cursor ?? '') });
    expect(versions([await again.sink.next()])).toEqual([[slug, 1]]);
  });

  it('gets a batch as one commit: the place before it until its last frame', async () => {
    const stage = await createHubStage();
    const slugs = [await prompt(stage, 1), await prompt(stage, 1), await prompt(stage, 1)];
    const before = await stage.cursor();
    const { sink } = stage.join();
    await batch(stage, slugs, 1);
    const frames = await sink.take(3);
    expect(frames.map(({ more, cursor }) => [more, cursor === before])).toEqual([
      [true, true],
      [true, true],
      [false, false],
    ]);
    const torn = stage.join({ start: await stage.startAfter(frames[1]?.cursor ?? '') });
    expect(versions(await torn.sink.take(3))).toEqual(slugs.map((slug) => [slug, 1]));
  });

  it('hears only of the prompts that it follows; a rename takes one out and puts one in', async () => {
    const stage = await createHubStage();
    const { world } = stage;
    const slug = await prompt(stage, 1);
    await promote(stage, slug, 1);
    await stage.settled();
    const here = stage.join({ prompts: ['seed/*'] });
    const there = stage.join({ prompts: ['moved/*'] });
    await world.updatePrompt(world.admin, { slug, newSlug: 'moved/away' });
    expect(versions([await here.sink.next()])).toEqual([[slug, null]]);
    expect(versions([await there.sink.next()])).toEqual([['moved/away', 1]]);
    await world.updatePrompt(world.admin, { slug: 'moved/away', newSlug: 'moved/on', description: 'x' });
    expect(versions(await there.sink.take(2))).toEqual([
      ['moved/away', null],
      ['moved/on', 1],
    ]);
    await world.withdrawPrompt(world.admin, { slug: 'moved/on', channel: 'stable' });
    expect(versions([await there.sink.next()])).toEqual([['moved/on', null]]);
    await world.updatePrompt(world.admin, { slug: 'moved/on', newSlug: slug });
    await promote(stage, slug, 1);
    expect(versions([await here.sink.next()])).toEqual([[slug, 1]]);
    expect(there.sink.frames).toHaveLength(4);
  });

  it('of `latest` hears of every save', async () => {
    const stage = await createHubStage();
    const { sink } = stage.join({ channel: 'latest' });
    const slug = await prompt(stage, 3);
    expect(versions(await sink.take(3))).toEqual(upTo(3).map((version) => [slug, version]));
  });
});

describe('a slow follower', () => {
  it('in mode LATEST hears of the newest of each prompt when it reads again, as one commit; nobody else waits', async () => {
    const stage = await createHubStage();
    const [one, two] = [await prompt(stage, 4), await prompt(stage, 1)];
    await stage.settled();
    const [slow, quick] = [stage.join(), stage.join()];
    await promote(stage, two, 1);
    expect(versions([await slow.sink.next()])).toEqual([[two, 1]]);
    slow.sink.stall(FULL);
    for (const version of [1, 2, 3, 4]) await promote(stage, one, version);
    await stage.world.withdrawPrompt(stage.world.admin, { slug: two, channel: 'stable' });
    expect(versions(await quick.sink.take(6)).slice(1)).toEqual([
      [one, 1],
      [one, 2],
      [one, 3],
      [one, 4],
      [two, null],
    ]);
    expect(stage.hub.counts().behind).toBe(1);
    slow.sink.flow();
    const frames = await slow.sink.take(2);
    expect(versions(frames)).toEqual([
      [one, 4],
      [two, null],
    ]);
    expect(frames.map(({ more }) => more)).toEqual([true, false]);
    expect(frames[1]?.cursor).toBe(quick.sink.frames.at(-1)?.cursor);
    expect(stage.conflated()).toBe(3);
    await promote(stage, one, 1);
    expect(versions([await slow.sink.next()])).toEqual([[one, 1]]);
  });

  it('in mode ALL hears everything, read again from the log', async () => {
    const stage = await createHubStage();
    const slug = await prompt(stage, 4);
    await stage.settled();
    const { sink } = stage.join({ mode: 'ALL' });
    await promote(stage, slug, 1);
    await sink.next();
    sink.stall(FULL);
    for (const version of [2, 3, 4, 1]) await promote(stage, slug, version);
    await stage.settled();
    sink.flow();
    expect(versions(await sink.take(4))).toEqual([
      [slug, 2],
      [slug, 3],
      [slug, 4],
      [slug, 1],
    ]);
  });

  it('that catches up has no more rendered for it than it may have unsent', async () => {
    const stage = await createHubStage();
    const slugs: string[] = [];
    for (const _ of upTo(12)) slugs.push(await prompt(stage, 1));
    const cursor = await stage.cursor();
    await batch(stage, slugs, 1);
    await stage.settled();
    const start = await stage.startAfter(cursor);
    let ahead = 0;
    const slow = stage.join({
      start,
      key: 'slow',
      frameBytes: 100_000,
      beforeRender: () => void (ahead += 1),
    });
    slow.sink.stall(1);
    await stage.join({ start, key: 'quick' }).sink.take(12);
    await slow.sink.take(3);
    await stage.join({ start, key: 'quick too' }).sink.take(12);
    expect(ahead).toBeLessThanOrEqual(4);
    slow.sink.flow();
    expect(versions(await slow.sink.take(9))).toEqual(slugs.slice(3).map((slug) => [slug, 1]));
  });

  it('in the middle of a batch gets the whole batch again', async () => {
    const stage = await createHubStage();
    const slugs = [await prompt(stage, 1), await prompt(stage, 1), await prompt(stage, 1)];
    await stage.settled();
    const follower = stage.join({ mode: 'ALL' });
    const { sink } = follower;
    const send = sink.send.bind(sink);
    sink.send = (payload) => {
      const isWritten = send(payload);
      if (sink.frames.length === 1) sink.stall(FULL);
      return isWritten;
    };
    await batch(stage, slugs, 1);
    expect(versions([await sink.next()])).toEqual([[slugs[0], 1]]);
    await expect.poll(() => stage.hub.counts().behind, { timeout: 10_000 }).toBe(1);
    sink.flow();
    const again = await sink.take(3);
    expect(versions(again)).toEqual(slugs.map((slug) => [slug, 1]));
    expect(again.map(({ more }) => more)).toEqual([true, true, false]);
  });

  it('that takes nothing for too long is ended; one that takes a little is not', async () => {
    const stage = await createHubStage({ stalledMs: 300 });
    const slug = await prompt(stage, 1);
    await stage.settled();
    const [dead, slow] = [stage.join({ key: 'dead' }), stage.join({ key: 'slow' })];
    await promote(stage, slug, 1);
    await Promise.all([dead.sink.next(), slow.sink.next()]);
    dead.sink.stall(FULL);
    slow.sink.stall(FULL);
    await promote(stage, slug, 1);
    const trickle = setInterval(() => slow.sink.trickle(), 20);
    expect(await dead.sink.ended.promise).toBe('SLOW_CONSUMER');
    expect(stage.hub.counts().members).toBe(1);
    clearInterval(trickle);
    slow.sink.flow();
    expect(versions([await slow.sink.next()])).toEqual([[slug, 1]]);
  });
});

describe('a bookmark', () => {
  it('comes when the follower is up to date and then again and again, never before an event that it covers', async () => {
    const stage = await createHubStage({ bookmarkMs: 20 });
    const slug = await prompt(stage, 3);
    await stage.settled();
    const gate = deferred<void>();
    const { sink } = stage.join({
      bookmarks: true,
      beforeRender: (frame) => (frame.type === 'Bookmark' ? undefined : gate.promise),
    });
    const { sink: other } = stage.join({ key: 'without' });
    const greeting = await sink.next();
    expect(greeting).toMatchObject({ type: 'Bookmark', more: false, lagMs: 0 });
    await expect.poll(() => sink.frames.length, { timeout: 10_000 }).toBeGreaterThan(2);
    await promote(stage, slug, 1);
    await other.next();
    expect(new Set(sink.frames.map(({ cursor }) => cursor))).toEqual(new Set([greeting.cursor]));
    gate.resolve();
    await expect.poll(() => sink.frames.at(-1)?.cursor, { timeout: 10_000 }).toBe(other.frames[0]?.cursor);
    const types = sink.frames.map(({ type, cursor }) => [type, cursor === greeting.cursor]);
    const at = types.findIndex(([type]) => type === 'VersionPromoted');
    expect(types.slice(0, at).every(([, isOld]) => isOld === true)).toBe(true);
    expect(types.slice(at).every(([, isOld]) => isOld === false)).toBe(true);
    expect(other.frames.map(({ type }) => type)).toEqual(['VersionPromoted']);
  });
});
