import pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readHotPlaces } from '../../src/db/hot-places.ts';
import { createSnapshot } from '../../src/delivery/snapshot.ts';
import type { Snapshot } from '../../src/delivery/snapshot.ts';
import { startWarmUp } from '../../src/server/warm-up.ts';
import type { WarmUp } from '../../src/server/warm-up.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';
import { PROGRESS } from '../delivery/snapshot-fixture.ts';
import { seedLarge } from '../support/seed-large.ts';

/** Three batches. */
const PROMPTS = 300;
const BATCH = 100;
const PLENTY = 64 * 1024 * 1024;
const log = pino({ level: 'silent' });

let registry: Registry;
let workspaceId: string;

beforeAll(async () => {
  registry = await openRegistry();
  ({ workspaceId } = registry.actor);
  const where = { id: workspaceId };
  const { slug } = await registry.opened.reader.workspace.findUniqueOrThrow({ where });
  const client = new pg.Client(registry.database.url);
  await client.connect();
  await seedLarge(client, [{ workspace: slug, prompts: PROMPTS, versions: 1 }]);
  // The higher its number, the more it was asked for.
  await client.query(
    `INSERT INTO version_usage (workspace_id, prompt_id, version, minute, channel, actor_id, actor_kind, actor_name, fetched, pushed)
     SELECT workspace_id, id, 1, date_trunc('minute', now()), 'stable', 'k', 'API_KEY', 'web', row_number() OVER (ORDER BY slug), 0
     FROM prompt WHERE workspace_id = $1`,
    [workspaceId],
  );
  await client.end();
});
afterAll(() => registry.close());
afterEach(() => vi.useRealTimers());

/** Warms a new snapshot; `onBatch` is called after each batch. @returns which prompts were loaded, in their order, and the snapshot */
async function warmed(bytesMax: number, onBatch: (warmUp: () => WarmUp) => void = () => undefined) {
  const { reader, control } = registry.opened;
  const snapshot = createSnapshot(
    { reader, control },
    { bytesMax, isReachable: () => true, progress: PROGRESS },
  );
  const loaded: string[] = [];
  const warm: Snapshot['warm'] = async (workspace, places) => {
    await snapshot.warm(workspace, places);
    loaded.push(...places.map(({ slug }) => slug));
    onBatch(() => warmUp);
  };
  const warmUp = startWarmUp({ control, snapshot: { ...snapshot, warm }, bytesMax, log });
  await warmUp.ended;
  return { loaded, snapshot };
}

describe('the warm-up', () => {
  it('loads all that was asked for, what was asked for most first', async () => {
    const { loaded, snapshot } = await warmed(PLENTY);
    expect(loaded).toHaveLength(PROMPTS);
    expect(loaded).toEqual(loaded.toSorted().toReversed());
    expect(snapshot.find(workspaceId, loaded[0] ?? '', { channel: 'stable' })).not.toBeInstanceOf(Promise);
  });

  it('is of so many places at most, the hottest', async () => {
    const places = await readHotPlaces(registry.opened.control, 3);
    const { loaded } = await warmed(PLENTY);
    expect(places.map(({ slug }) => slug)).toEqual(loaded.slice(0, 3));
  });

  it('leaves a quarter of the memory to what is asked for now, and pushes nothing out', async () => {
    const all = (await warmed(PLENTY)).snapshot.sizeBytes();
    const batch = all / (PROMPTS / BATCH);
    const { loaded, snapshot } = await warmed(Math.ceil((batch / 0.75) * 1.9));
    expect(loaded).toHaveLength(2 * BATCH);
    expect(snapshot.counts().evictions).toBe(0);
    expect(snapshot.sizeBytes()).toBeGreaterThan(1.9 * batch);
  });

  it('ends after 20 s, wherever it is', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    let batches = 0;
    const { loaded } = await warmed(PLENTY, () => {
      batches += 1;
      vi.advanceTimersByTime(batches === 1 ? 19_000 : 2_000);
    });
    expect(loaded).toHaveLength(2 * BATCH);
  });

  it('ends with the batch during which the node stops', async () => {
    const stops: Promise<void>[] = [];
    const { loaded } = await warmed(PLENTY, (warmUp) => {
      stops.push(warmUp().stop());
    });
    await Promise.all(stops);
    expect(loaded).toHaveLength(BATCH);
  });
});
