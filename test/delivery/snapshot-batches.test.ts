import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyOf } from '../../src/delivery/held-versions.ts';
import type { Served } from '../../src/delivery/representation.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';
import { seedLarge } from '../support/seed-large.ts';
import { createStage } from './snapshot-fixture.ts';
import type { Stage } from './snapshot-fixture.ts';

const PROMPTS = 400;
const COMMIT = 200;
/** What one commit may cost: a look at how large it is, then a hundred versions at a time. */
const STATEMENTS = 1 + COMMIT / 100;

let registry: Registry;
let actor: Actor;
let stage: Stage;

beforeAll(async () => {
  registry = await openRegistry();
  actor = await registry.addWorkspace();
  const { slug } = await registry.opened.reader.workspace.findUniqueOrThrow({
    where: { id: actor.workspaceId },
  });
  const client = new pg.Client(registry.database.url);
  await client.connect();
  await seedLarge(client, [{ workspace: slug, prompts: PROMPTS, versions: 2 }]);
  await client.end();
  stage = createStage(registry, actor);
  await stage.skipAll();
});

afterAll(async () => {
  await registry.close();
});

const slugOf = (index: number) =>
  `topic-${String(Math.floor(index / 100)).padStart(3, '0')}/prompt-${String(index + 1).padStart(6, '0')}`;
const slugs = (count: number, from = 0) => Array.from({ length: count }, (_, index) => slugOf(from + index));

async function warm(count: number): Promise<void> {
  const places = slugs(count).map((slug) => ({ slug, channel: 'stable' }));
  for (let from = 0; from < count; from += 100)
    await stage.snapshot().warm(actor.workspaceId, places.slice(from, from + 100));
}

/** Which version is held of each; 0 for what would have to be asked for. */
function held(count: number): number[] {
  const { workspaceId } = actor;
  const selector = { channel: 'stable' };
  return slugs(count).map((slug) => {
    if (stage.snapshot().revisionOf(keyOf({ workspaceId, slug, selector })) === undefined) return 0;
    return (stage.snapshot().find(workspaceId, slug, selector) as Served).source.version;
  });
}

const promote = (from: number, version: number) =>
  stage.app.promoteVersions(actor, { items: slugs(COMMIT, from).map((slug) => ({ slug, version })) });

describe('a channel that moves with all its prompts', () => {
  it('costs a few statements a commit, and its readers none', async () => {
    stage.limit(100_000_000);
    await warm(PROMPTS);
    expect(stage.reader.count()).toBe(PROMPTS / 100);
    for (const [from, after] of [
      [0, [1, 2]],
      [COMMIT, [1, 1]],
    ] as const) {
      await promote(from, 1);
      const before = held(PROMPTS);
      const asked = stage.reader.count();
      const seen: number[][] = [];
      const look = setInterval(() => seen.push(held(PROMPTS)), 1);
      await stage.apply();
      clearInterval(look);
      for (const versions of seen) expect(versions).toEqual(before);
      expect(seen.length).toBeGreaterThan(0);
      expect(stage.reader.count() - asked).toBe(STATEMENTS);
      expect(held(PROMPTS)).toEqual(slugs(PROMPTS).map((_slug, index) => after[index < COMMIT ? 0 : 1]));
    }
    expect(stage.snapshot().counts()).toMatchObject({ misses: 0, evictions: 0 });
  });

  it('costs what its newest moves cost, when the node comes late to many of them', async () => {
    for (const version of [2, 1, 2]) await promote(0, version);
    const asked = stage.reader.count();
    await stage.apply();
    expect(stage.reader.count() - asked).toBe(STATEMENTS);
    expect(held(COMMIT).every((version) => version === 2)).toBe(true);
  });

  it('costs nothing for what is not in memory', async () => {
    stage.limit(10_000_000);
    await warm(100);
    const asked = stage.reader.count();
    await promote(COMMIT, 2);
    await stage.apply();
    expect(stage.reader.count()).toBe(asked);
  });
});

describe('twice as much as fits into memory', () => {
  it('is served, half of it from memory, and memory stays within its bound', async () => {
    const [all, looks] = [200, 600];
    stage.limit(1_000_000_000);
    await warm(all);
    const bytesMax = Math.floor(stage.snapshot().sizeBytes() / 2);
    stage.limit(bytesMax);
    let state = 1;
    for (let look = 0; look < looks; look += 1) {
      // Some order that visits all of them about as often, the same in every run.
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      const slug = slugOf((state >>> 8) % all);
      expect(await stage.versionOf(slug)).toBeGreaterThan(0);
      expect(stage.snapshot().sizeBytes()).toBeLessThanOrEqual(bytesMax);
    }
    const { hits, misses, loads, evictions } = stage.snapshot().counts();
    expect([hits + misses, misses]).toEqual([looks, loads]);
    expect(hits / looks).toBeGreaterThan(0.3);
    expect(evictions).toBeGreaterThan(0);
  });
});
