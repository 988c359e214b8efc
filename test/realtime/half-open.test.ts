import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';
import { createRecorder, cutListeners, runFeed, writeCommits } from './feed-fixture.ts';
import { startFreezingProxy } from './freezing-proxy.ts';

const PATIENCE = { timeout: 28_000, interval: 20 };
const HALF_OPEN_MS = 16_000;
const TERMINATED_MS = 2_000;
const LOST = 'no listening connection: polling every second until there is one';

let registry: Registry;
let workspaceId: string;

beforeAll(async () => {
  registry = await openRegistry();
});

afterAll(async () => {
  await registry.close();
});

beforeEach(async () => {
  ({ workspaceId } = await registry.addWorkspace());
});

async function startFeed() {
  const proxy = await startFreezingProxy();
  const opened = openDatabase({
    address: { connectionString: proxy.url(registry.database.name) },
    onIdleError: () => undefined,
  });
  onTestFinished(async () => {
    // Frees what is frozen first: a pool's farewell waits for an answer.
    await proxy.close();
    await opened.close();
  });
  const recorder = createRecorder();
  const running = await runFeed(opened, [recorder]);
  await expect.poll(() => running.feed.status().listening, PATIENCE).toBe(true);
  const delivered = async (count: number) => {
    const began = performance.now();
    await expect.poll(() => recorder.applied(workspaceId).length, PATIENCE).toBe(count);
    return performance.now() - began;
  };
  return { ...running, proxy, recorder, delivered };
}

describe('a listening connection', () => {
  it('that is terminated costs a commit two seconds at most', async () => {
    const { feed, delivered } = await startFeed();
    const took: number[] = [];
    for (let round = 1; round <= 3; round += 1) {
      expect(await cutListeners(registry.database)).toBe(1);
      await writeCommits(registry.database, workspaceId, 1);
      took.push(await delivered(round));
      await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    }
    expect(Math.min(...took)).toBeLessThan(TERMINATED_MS);
  });

  it('that is half open is found out and replaced, and nothing is lost meanwhile', async () => {
    const { feed, lines, proxy, recorder, delivered } = await startFeed();
    const began = performance.now();
    expect(proxy.freeze('listeners')).toBe(1);
    await writeCommits(registry.database, workspaceId, 1, 2);
    expect(await delivered(3)).toBeLessThan(HALF_OPEN_MS);
    await expect.poll(() => lines, PATIENCE).toContainEqual({ level: 'warn', message: LOST });
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    expect(performance.now() - began).toBeLessThan(HALF_OPEN_MS);
    await writeCommits(registry.database, workspaceId, 1);
    await delivered(4);
    expect([recorder.resets, lines.filter(({ level }) => level === 'error')]).toEqual([[], []]);
  });

  it('that is half open together with every other one delays a commit 16 s at most', async () => {
    const { feed, proxy, delivered } = await startFeed();
    // As many as the pool has, so that each would have to be found out by itself.
    await Promise.all(Array.from({ length: 20 }, () => feed.reach(workspaceId, 1_000_000n, 50)));
    expect(proxy.freeze('all')).toBeGreaterThanOrEqual(2);
    await writeCommits(registry.database, workspaceId, 1);
    expect(await delivered(1)).toBeLessThan(HALF_OPEN_MS);
    await expect.poll(() => feed.status(), PATIENCE).toMatchObject({ reachable: true, listening: true });
  });
});
