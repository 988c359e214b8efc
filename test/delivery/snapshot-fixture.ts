import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Reader } from '../../src/db/client.ts';
import { readEvents } from '../../src/db/event-log.ts';
import { createSnapshot } from '../../src/delivery/snapshot.ts';
import type { Selector, Snapshot } from '../../src/delivery/snapshot.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';

export const STABLE = { channel: 'stable' };
/** Nothing is ahead of what was told, and nobody is waited for. */
export const PROGRESS = { headOf: () => undefined, reach: async () => true };
export const LATEST = { channel: 'latest' };

/** The real reader; its raw statements are counted, and their answers can be held back after the database gave them. */
function watchedReader(real: Reader) {
  let gate: Promise<void> | null = null;
  let count = 0;
  let answered = 0;
  const queryRaw = async (...args: Parameters<Reader['$queryRaw']>) => {
    count += 1;
    const held = gate;
    const rows: unknown = await real.$queryRaw(...args);
    answered += 1;
    if (held !== null) await held;
    return rows;
  };
  const watched = new Proxy(real, {
    get: (target, name) => (name === '$queryRaw' ? queryRaw : Reflect.get(target, name)),
  });
  return {
    reader: watched,
    count: () => count,
    answered: () => answered,
    /** Holds the answers of the statements that begin from now on. @returns what lets them go, and later ones pass. */
    hold: () => {
      let release: () => void = () => undefined;
      gate = new Promise((resolve) => {
        release = resolve;
      });
      return {
        passLater: () => (gate = null),
        release: () => {
          gate = null;
          release();
        },
      };
    },
  };
}

/** A workspace of its own, and a snapshot over it that is told of commits when the test says so. */
export function createStage(registry: Registry, actor: Actor) {
  const { app } = registry;
  const reader = watchedReader(registry.opened.reader);
  const sources = { reader: reader.reader, control: reader.reader };
  let snapshot: Snapshot = createSnapshot(sources, {
    bytesMax: 1_000_000,
    isReachable: () => true,
    progress: PROGRESS,
  });
  let applied = 0n;
  const find = async (slug: string, selector: Selector = STABLE) =>
    (await snapshot.find(actor.workspaceId, slug, selector))?.source ?? null;
  const promote = (slug: string, version: number) => app.promoteVersion(actor, { slug, version });
  const newEvents = async () => {
    const events = await readEvents(registry.opened.reader, actor.workspaceId, applied, 10_000);
    applied = events.at(-1)?.seq ?? applied;
    return events;
  };
  return {
    app,
    actor,
    reader,
    snapshot: () => snapshot,
    limit: (bytesMax: number) => {
      snapshot = createSnapshot(sources, { bytesMax, isReachable: () => true, progress: PROGRESS });
    },
    find,
    versionOf: async (slug: string, selector: Selector = STABLE) =>
      (await find(slug, selector))?.version ?? null,
    isHeld: async (slug: string, selector: Selector) => {
      const found = snapshot.find(actor.workspaceId, slug, selector);
      await found;
      return !(found instanceof Promise);
    },
    /** A prompt with this many versions, the first one promoted. */
    seed: async (slug: string, versions = 3, text = 'text') => {
      await app.createPrompt(actor, { slug, content: { template: `${text} 1` } });
      for (let number = 2; number <= versions; number += 1) {
        await app.editPrompt(actor, { slug, content: { template: `${text} ${number}` } });
      }
      await promote(slug, 1);
    },
    promote,
    /** As skip, of a log that is longer than a test likes to read. */
    skipAll: async () => {
      const where = { workspaceId: actor.workspaceId };
      ({ seq: applied } = await registry.opened.reader.eventCounter.findUniqueOrThrow({ where }));
    },
    /** What was committed up to here is not told. */
    skip: async () => void (await newEvents()),
    /** What the feed does after a commit. */
    apply: async () => snapshot.apply(actor.workspaceId, await newEvents()),
  };
}

export type Stage = ReturnType<typeof createStage>;

/** For the tests of the file that calls it: one registry, and to each test a stage of its own. */
export function stages(): { readonly registry: () => Registry; readonly stage: () => Stage } {
  let registry: Registry;
  let stage: Stage;
  beforeAll(async () => {
    registry = await openRegistry();
  });
  afterAll(() => registry.close());
  beforeEach(async () => {
    stage = createStage(registry, await registry.addWorkspace());
  });
  return { registry: () => registry, stage: () => stage };
}
