import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { Unavailable } from '../../src/domain/errors.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';
import { createRecorder, runFeed, writeCommits } from './feed-fixture.ts';

const PATIENCE = { timeout: 15_000, interval: 20 };

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

/** Fails for one workspace, for as long as there is an error. */
function failingFor(id: string, state: { error: Error | null }) {
  let attempts = 0;
  const recorder = createRecorder(async (events) => {
    if (events.length === 0 || state.error === null) return;
    attempts += 1;
    throw state.error;
  });
  const apply: typeof recorder.apply = async (workspace, events) =>
    workspace === id ? recorder.apply(workspace, events) : undefined;
  return { ...recorder, apply, attempts: () => attempts };
}

describe('a consumer that fails', () => {
  it('makes the node stuck, not the database unreachable; told once, tried every second', async () => {
    const state: { error: Error | null } = { error: new Error('a defect') };
    const consumer = failingFor(workspaceId, state);
    const { feed, lines } = await runFeed(registry.opened, [consumer]);
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    await writeCommits(registry.database, workspaceId, 1);
    await expect.poll(() => feed.status(), PATIENCE).toMatchObject({ reachable: true, stuck: true });
    const other = await registry.addWorkspace();
    await writeCommits(registry.database, other.workspaceId, 1);
    await expect.poll(() => consumer.attempts(), { timeout: 4_500, interval: 20 }).toBeGreaterThan(2);
    // What another workspace's log delivers does not make up for it.
    expect(feed.status()).toMatchObject({ reachable: true, stuck: true });
    expect(lines).toEqual([
      { level: 'error', message: 'a consumer of the feed failed: this node does not follow the log' },
    ]);
    state.error = null;
    await expect.poll(() => feed.status().stuck, PATIENCE).toBe(false);
    expect(consumer.applied(workspaceId)).toHaveLength(1);
  });

  it('because the database is away tells of the database', async () => {
    const state: { error: Error | null } = { error: new Unavailable() };
    const { feed, lines } = await runFeed(registry.opened, [failingFor(workspaceId, state)]);
    await writeCommits(registry.database, workspaceId, 1);
    await expect.poll(() => lines.map(({ level }) => level), PATIENCE).toContain('warn');
    expect(feed.status().stuck).toBe(false);
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('a consumer that never answers', () => {
  it('leaves the node behind the log though the database answers: told as lag at once, as unfit after 10 s', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const other = await registry.addWorkspace();
    const recorder = createRecorder((events) => (events.length > 0 ? gate : Promise.resolve()));
    const { feed, lines } = await runFeed(registry.opened, [recorder]);
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    const began = performance.now();
    expect([feed.lagMs(workspaceId), feed.status().behind]).toEqual([0, false]);
    await writeCommits(registry.database, workspaceId, 1);
    await expect.poll(() => feed.lagMs(workspaceId), PATIENCE).toBeGreaterThan(0);
    await expect.poll(() => feed.status().behind, PATIENCE).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(5_000);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(feed.lagMs(workspaceId)).toBeGreaterThan(10_000);
    expect([feed.lagMs(other.workspaceId), feed.status().reachable]).toEqual([0, true]);
    release();
    await expect.poll(() => feed.status().behind, PATIENCE).toBe(false);
    expect([feed.lagMs(workspaceId), recorder.applied(workspaceId).length]).toEqual([0, 1]);
    expect(lines).toEqual([]);
  });
});

describe('a log that cannot be read, whose end can', () => {
  it('makes the node unfit after 10 s, though some of its statements fail as if the database were away', async () => {
    const recorder = createRecorder();
    const { feed } = await runFeed(registry.opened, [recorder]);
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    // Not one of ours, whose transactions end when they are idle for 10 s.
    const holder = new pg.Client({ connectionString: registry.database.url });
    await holder.connect();
    onTestFinished(() => holder.end());
    await holder.query('BEGIN; LOCK TABLE "event" IN ACCESS EXCLUSIVE MODE');
    await registry.database.query(
      `UPDATE "event_counter" SET seq = seq + 1 WHERE workspace_id = '${workspaceId}'`,
    );
    await expect.poll(() => feed.status().behind, { timeout: 25_000, interval: 100 }).toBe(true);
    await registry.database.query(
      `UPDATE "event_counter" SET seq = seq - 1 WHERE workspace_id = '${workspaceId}'`,
    );
    await holder.query('ROLLBACK');
    await expect.poll(() => feed.status().behind, PATIENCE).toBe(false);
  }, 60_000);
});

describe('readers that are all busy', () => {
  it('do not blind the node', async () => {
    const opened = openDatabase({
      address: { connectionString: registry.database.url },
      readerConnectionsMax: 2,
      onIdleError: () => undefined,
    });
    onTestFinished(() => opened.close());
    const recorder = createRecorder();
    const { feed, lines } = await runFeed(opened, [recorder]);
    await expect.poll(() => feed.status().listening, PATIENCE).toBe(true);
    const busy = Array.from({ length: 2 }, () => opened.reader.$queryRaw`SELECT pg_sleep(3)::text`);
    const heavy = Promise.all(busy);
    await writeCommits(registry.database, workspaceId, 2);
    await expect.poll(() => recorder.applied(workspaceId).length, { timeout: 2_000, interval: 20 }).toBe(2);
    await heavy;
    expect([feed.status().reachable, lines]).toEqual([true, []]);
  });
});
