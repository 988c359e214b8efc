import type { UsageCount } from '../db/usage.ts';

const MINUTE_MS = 60_000;

/** One version, given to one actor. `channel` null: it was asked for by number. */
export type Use = Omit<UsageCount, 'minute' | 'fetched' | 'pushed'>;

/** Who was given which version, counted in memory until somebody drains it. */
export interface Usage {
  /** A request was answered with the version, or with "you have it already". */
  fetched(use: Use, times?: number): void;
  /** An event that tells of the version was written to an open stream. */
  pushed(use: Use, times?: number): void;
  /** Takes what was counted, one entry for each (minute, actor, version, channel). */
  drain(): readonly UsageCount[];
  /** Puts back what could not be stored: it adds to what was counted meanwhile. */
  restore(counts: readonly UsageCount[]): void;
  /** How many entries are held. */
  size(): number;
  /** How many uses were not counted since the last time, because there was no room for their entries. */
  takeDropped(): number;
}

interface Entry extends Use {
  readonly minute: number;
  fetched: number;
  pushed: number;
}

/** By actor, prompt and version: ids that live as long as what they stand in, so that no key is built and no string hashed twice. */
type Entries = Map<string, OfPrompts>;
type OfPrompts = Map<string, OfVersions>;
type OfVersions = Map<number, Entry[]>;

/**
 * Counts in memory: a few look-ups a use, on every delivery and push. Bounded: with the database away for long, the entries of new
 * minutes find no room, while those that are there go on counting.
 */
export function createUsage(options: { readonly entriesMax: number; readonly now?: () => number }): Usage {
  const now = options.now ?? Date.now;
  const minutes = new Map<number, Entries>();
  let size = 0;
  let dropped = 0;

  function add(minute: number, use: Use, fetched: number, pushed: number): void {
    const entry = find(minutes.get(minute), use);
    if (entry !== undefined) {
      entry.fetched += fetched;
      entry.pushed += pushed;
    } else if (size < options.entriesMax) {
      size += 1;
      placeFor(minutes, minute, use).push(newEntry(use, { minute, fetched, pushed }));
    } else {
      dropped += fetched + pushed;
    }
  }

  return {
    fetched: (use, times = 1) => add(Math.floor(now() / MINUTE_MS), use, times, 0),
    pushed: (use, times = 1) => add(Math.floor(now() / MINUTE_MS), use, 0, times),
    drain: () => {
      const drained = [...minutes.values()].flatMap(allOf);
      minutes.clear();
      size = 0;
      return drained;
    },
    restore: (counts) => {
      for (const count of counts) add(count.minute, count, count.fetched, count.pushed);
    },
    size: () => size,
    takeDropped: () => {
      const taken = dropped;
      dropped = 0;
      return taken;
    },
  };
}

function find(entries: Entries | undefined, use: Use): Entry | undefined {
  return entries
    ?.get(use.actorId)
    ?.get(use.promptId)
    ?.get(use.version)
    ?.find(({ channel, workspaceId }) => channel === use.channel && workspaceId === use.workspaceId);
}

/** Field by field: what else the caller's object holds would live as long as the entry. */
function newEntry(use: Use, count: Pick<Entry, 'minute' | 'fetched' | 'pushed'>): Entry {
  const { workspaceId, promptId, version, channel, actorId, actorKind, actorName } = use;
  return { workspaceId, promptId, version, channel, actorId, actorKind, actorName, ...count };
}

function placeFor(minutes: Map<number, Entries>, minute: number, use: Use): Entry[] {
  const entries: Entries = minutes.get(minute) ?? new Map<string, OfPrompts>();
  const prompts: OfPrompts = entries.get(use.actorId) ?? new Map<string, OfVersions>();
  const versions: OfVersions = prompts.get(use.promptId) ?? new Map<number, Entry[]>();
  const place: Entry[] = versions.get(use.version) ?? [];
  minutes.set(minute, entries.set(use.actorId, prompts.set(use.promptId, versions.set(use.version, place))));
  return place;
}

function allOf(entries: Entries): Entry[] {
  return [...entries.values()].flatMap((prompts) =>
    [...prompts.values()].flatMap((versions) => [...versions.values()].flat()),
  );
}
