import type { Reader } from '../db/client.ts';
import type { ServedVersion } from '../db/serving.ts';
import type { FeedConsumer } from '../realtime/feed-types.ts';
import { createAbsences } from './absences.ts';
import { changesOf } from './changes.ts';
import type { Changes } from './changes.ts';
import { createHeldVersions, keyOf } from './held-versions.ts';
import type { HeldVersions, Selector } from './held-versions.ts';
import { createLoads } from './loads.ts';
import type { ChannelPlace, Progress } from './loads.ts';
import { createLookup } from './lookup.ts';
import type { LookupCounts } from './lookup.ts';
import { createReadings } from './readings.ts';
import { loadMoved } from './refresh.ts';
import type { Moved } from './refresh.ts';
import type { Served } from './representation.ts';

export type { Selector } from './held-versions.ts';

export interface Snapshot extends FeedConsumer {
  /**
   * What is served, from memory or, the first time, from the database; null when there is none. While it is held, the same object every
   * time; whatever changes an answer puts another one in its place. Rejects only when it must ask and cannot.
   */
  find(workspaceId: string, slug: string, selector: Selector): Promise<Served | null> | Served | null;
  /** Of what is held under a key of `keyOf` now, and nothing is loaded for it. Counts as having been asked for: whose answers are hot stays. */
  revisionOf(key: string): number | undefined;
  /** What is held of a channel now: nothing is loaded for it, and it does not count as having been asked for. */
  peek(workspaceId: string, slug: string, channel: string): ServedVersion | undefined;
  /** Loads what channels serve, as if it was asked for, by the control connections. @throws what the database fails with */
  warm(workspaceId: string, places: readonly ChannelPlace[]): Promise<void>;
  readonly sizeBytes: () => number;
  /** Of that: what is known not to be served. */
  readonly absencesBytes: () => number;
  readonly counts: () => LookupCounts & {
    /** What was pushed out by others. */
    readonly evictions: number;
  };
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
  readonly progress: Progress;
  /** How long a load may take, whoever waits for it. @default 3000 */
  readonly loadMsMax?: number;
}

/** A frozen database answers nothing for as long as the readers' statements may take, and whoever fetches a prompt will not wait for that. */
const LOAD_MS_MAX = 3_000;

/** The node's memory of what channels serve: filled on demand, bounded by bytes, kept fresh by the feed. */
export function createSnapshot(
  { reader, control }: SnapshotSources,
  { bytesMax, isReachable, progress, loadMsMax = LOAD_MS_MAX }: SnapshotOptions,
): Snapshot {
  const held = createHeldVersions(bytesMax);
  const absences = createAbsences();
  const readings = createReadings((workspaceId) => progress.headOf(workspaceId)?.seq);
  const loads = createLoads({ reader, readings, progress, isReachable, msMax: loadMsMax });
  const lookup = createLookup({ held, absences, loads, isReachable });

  return {
    find: (workspaceId, slug, selector) => lookup.find(workspaceId, slug, selector),
    // Loads everything first and swaps then, so that a commit of several prompts is never seen in part.
    apply: async (workspaceId, events) => {
      const changes = changesOf(events);
      readings.tell(workspaceId, changes.slugs, events.at(-1)?.seq ?? 0n);
      const moved = movedOf(held, workspaceId, changes);
      const fresh = await loadMoved(control, workspaceId, moved, bytesMax);
      swap(held, moved, fresh);
      dropRenamed(held, workspaceId, changes);
      absences.dropSlugs(workspaceId, changes.slugs.keys());
    },
    reset: async (workspaceId, head) => {
      readings.reset(workspaceId, head?.seq);
      held.deleteWorkspace(workspaceId);
      absences.deleteWorkspace(workspaceId);
    },
    peek: (workspaceId, slug, channel) =>
      held.peek(keyOf({ workspaceId, slug, selector: { channel } }))?.served.source,
    revisionOf: (key) => held.get(key)?.revision,
    warm: async (workspaceId, places) => {
      await loads.channels({ workspaceId, places, reader: control }, (served, seq) => {
        for (const one of served) {
          const { slug, channel } = one.source;
          const key = keyOf({ workspaceId, slug, selector: { channel: channel ?? '' } });
          if (held.peek(key) === undefined) held.set(key, { served: one, seq });
        }
      });
    },
    sizeBytes: () => held.sizeBytes() + absences.sizeBytes(),
    absencesBytes: () => absences.sizeBytes(),
    counts: () => ({ ...lookup.counts(), evictions: held.evictions() }),
  };
}

/** What is held and older than the move. */
function movedOf(held: HeldVersions, workspaceId: string, { moves, renamed }: Changes): Moved[] {
  return moves.flatMap((move): Moved[] => {
    if (renamed.has(move.promptId)) return [];
    const key = keyOf({ workspaceId, slug: move.slug, selector: { channel: move.channel } });
    const before = held.peek(key);
    return before === undefined || before.seq >= move.seq ? [] : [{ key, move }];
  });
}

function swap(held: HeldVersions, moved: readonly Moved[], fresh: ReadonlyMap<string, Served>): void {
  for (const { key, move } of moved) {
    const before = held.peek(key);
    // Pushed out meanwhile, and perhaps loaded again: what is there now was read later than this.
    if (before === undefined || before.seq >= move.seq) continue;
    const served = fresh.get(key);
    if (served === undefined) held.delete(key);
    else held.set(key, { served, seq: move.seq });
  }
}

/** To be loaded anew by who asks for it, under the slug that it has then. */
function dropRenamed(held: HeldVersions, workspaceId: string, { renamed }: Changes): void {
  for (const [promptId, seq] of renamed) {
    for (const [key, before] of held.ofPrompt(workspaceId, promptId)) if (before.seq < seq) held.delete(key);
  }
}
