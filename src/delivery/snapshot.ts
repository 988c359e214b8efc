import { z } from 'zod';
import { Unavailable } from '../domain/errors.ts';
import type { StoredEvent } from '../db/event-log.ts';
import type { Reader } from '../db/client.ts';
import { findNumbered, loadServed } from '../db/serving.ts';
import type { ServedVersion } from '../db/serving.ts';
import type { FeedConsumer } from '../realtime/feed-types.ts';
import { createHeldVersions, keyOf } from './held-versions.ts';
import type { HeldVersions, Place, Selector } from './held-versions.ts';
import { represent } from './representation.ts';
import type { Served } from './representation.ts';
import { within } from './within.ts';

export type { Selector } from './held-versions.ts';

export interface Snapshot extends FeedConsumer {
  /** What is served, from memory or, the first time, from the database; null when there is none. Rejects only when it must ask and cannot. */
  find(workspaceId: string, slug: string, selector: Selector): Promise<Served | null> | Served;
  /** What is held under a key of `keyOf` now, and nothing is loaded for it. Counts as having been asked for: whose answers are hot stays. */
  holds(key: string): object | undefined;
  readonly sizeBytes: () => number;
}

interface Load {
  readonly place: Place;
  /** An event that touches the prompt arrived while the load was under way: what it read may be old. */
  outdated: boolean;
}

export interface SnapshotSources {
  /** For what is asked for and not in memory. */
  readonly reader: Reader;
  /** For following the feed: never behind the reader's heavy queries. */
  readonly control: Reader;
}

export interface SnapshotOptions {
  readonly bytesMax: number;
  /** Whether the database answered lately. While it does not, what is not in memory is refused at once. */
  readonly isReachable: () => boolean;
  /** How long a load may take, whoever waits for it. @default 3000 */
  readonly loadMsMax?: number;
}

/** A frozen database answers nothing for as long as the readers' statements may take, and whoever fetches a prompt will not wait for that. */
const LOAD_MS_MAX = 3_000;

/** The node's memory of what channels serve: filled on demand, bounded by bytes, kept fresh by the feed. */
export function createSnapshot(
  { reader, control }: SnapshotSources,
  { bytesMax, isReachable, loadMsMax = LOAD_MS_MAX }: SnapshotOptions,
): Snapshot {
  const held = createHeldVersions(bytesMax);
  const ask = async (place: Place) => {
    if (!isReachable()) throw new Unavailable();
    return within(loadMsMax, query(reader, place));
  };
  const loads = createLoads(ask, held);

  return {
    find: (workspaceId, slug, selector) => {
      const place = { workspaceId, slug, selector };
      const key = keyOf(place);
      return held.get(key) ?? loads.join(key, place);
    },
    // Loads everything first and swaps then, so that a commit of several prompts is never seen in part.
    apply: async (workspaceId, events) => {
      const { promptIds, renamed, slugs } = changesOf(events);
      loads.outdate(workspaceId, (slug) => slugs.has(slug));
      const touched = [...promptIds]
        .flatMap((promptId) => held.ofPrompt(workspaceId, promptId))
        .filter(([, { source }]) => source.channel !== null || renamed.has(source.promptId));
      const fresh = await refresh(control, workspaceId, touched);
      for (const [key, stale] of touched) {
        // Pushed out meanwhile, and perhaps loaded again: what is there now was read later than this.
        if (held.peek(key) !== stale) continue;
        const served = fresh.get(key);
        if (served === undefined) held.delete(key);
        else held.set(key, served);
      }
    },
    reset: async (workspaceId) => {
      loads.outdate(workspaceId, () => true);
      held.deleteWorkspace(workspaceId);
    },
    holds: (key) => held.get(key),
    sizeBytes: () => held.sizeBytes(),
  };
}

/** The loads under way: one for each key, joined by whoever asks meanwhile; what they read is held. */
function createLoads(ask: (place: Place) => Promise<ServedVersion | null>, held: HeldVersions) {
  const loads = new Map<string, Load & { readonly promise: Promise<Served | null> }>();

  function load(key: string, place: Place): Promise<Served | null> {
    const pending: Load = { place, outdated: false };
    const promise = loadFresh(key, pending);
    loads.set(key, Object.assign(pending, { promise }));
    return promise;
  }

  /** Reads again for as long as events overtake what was read. */
  async function loadFresh(key: string, pending: Load): Promise<Served | null> {
    try {
      for (;;) {
        pending.outdated = false;
        const source = await ask(pending.place);
        // From here to the end of the load nothing may wait: an event in between would find neither a load to outdate nor an entry.
        if (pending.outdated) continue;
        const served = source === null ? null : represent(source);
        if (served !== null) held.set(key, served);
        return served;
      }
    } finally {
      loads.delete(key);
    }
  }

  return {
    join: (key: string, place: Place) => loads.get(key)?.promise ?? load(key, place),
    outdate: (workspaceId: string, concerns: (slug: string) => boolean) => {
      for (const pending of loads.values()) {
        if (pending.place.workspaceId === workspaceId && concerns(pending.place.slug))
          pending.outdated = true;
      }
    },
  };
}

async function query(reader: Reader, { workspaceId, slug, selector }: Place): Promise<ServedVersion | null> {
  if ('number' in selector) return findNumbered(reader, workspaceId, slug, selector.number);
  const [served] = await loadServed(reader, workspaceId, selector.channel, [slug]);
  return served ?? null;
}

/** What the touched channel entries serve now, one statement a channel. Numbered entries are absent: they are loaded again when asked for. */
async function refresh(
  reader: Reader,
  workspaceId: string,
  touched: readonly [string, Served][],
): Promise<Map<string, Served>> {
  const slugsByChannel = new Map<string, string[]>();
  for (const [, { source }] of touched) {
    if (source.channel === null) continue;
    slugsByChannel.set(source.channel, [...(slugsByChannel.get(source.channel) ?? []), source.slug]);
  }
  const loaded = await Promise.all(
    [...slugsByChannel].map(([channel, slugs]) => loadServed(reader, workspaceId, channel, slugs)),
  );
  return new Map(
    loaded.flat().map((source) => {
      const selector = { channel: source.channel ?? '' };
      return [keyOf({ workspaceId, slug: source.slug, selector }), represent(source)];
    }),
  );
}

const CHANGES_DELIVERY = new Set(['VersionPromoted', 'VersionWithdrawn', 'PromptUpdated']);
const FACTS = z.object({ slug: z.string(), before: z.object({ slug: z.string().optional() }).optional() });

/** What the events change of the answers. A rename frees one slug and takes another, and is all that changes a numbered answer. */
function changesOf(events: readonly StoredEvent[]) {
  const promptIds = new Set<string>();
  const renamed = new Set<string>();
  const slugs = new Set<string>();
  for (const { type, promptId, payload } of events) {
    if (promptId === null || !CHANGES_DELIVERY.has(type)) continue;
    const { slug, before } = FACTS.parse(JSON.parse(payload));
    const isRename = before?.slug !== undefined;
    if (type === 'PromptUpdated' && !isRename) continue;
    promptIds.add(promptId);
    slugs.add(slug);
    if (before?.slug !== undefined) slugs.add(before.slug);
    if (isRename) renamed.add(promptId);
  }
  return { promptIds, renamed, slugs };
}
