import type { Absences } from './absences.ts';
import { keyOf } from './held-versions.ts';
import type { HeldVersions, Place, Selector } from './held-versions.ts';
import type { Loads } from './loads.ts';
import type { Served } from './representation.ts';

/** Since the start. */
export interface LookupCounts {
  /** Answered from memory, that there is nothing included. */
  readonly hits: number;
  /** Of those: that there is nothing. */
  readonly absent: number;
  readonly misses: number;
  /** Of the misses: those that asked the database. All others who miss the same meanwhile wait with them. */
  readonly loads: number;
}

export interface Lookup {
  find(workspaceId: string, slug: string, selector: Selector): Promise<Served | null> | Served | null;
  counts(): LookupCounts;
}

export interface LookupOptions {
  readonly held: HeldVersions;
  readonly absences: Absences;
  readonly loads: Loads;
  readonly isReachable: () => boolean;
}

/** From memory, else one load for all who ask for the same meanwhile; what comes of it is held. */
export function createLookup({ held, absences, loads, isReachable }: LookupOptions): Lookup {
  const underWay = new Map<string, Promise<Served | null>>();
  const counts = { hits: 0, absent: 0, misses: 0, loads: 0 };

  function load(key: string, place: Place): Promise<Served | null> {
    counts.loads += 1;
    const promise = loads
      .place(place, ([served], seq) => {
        if (served === undefined) absences.add(place);
        else held.set(key, { served, seq });
        return served ?? null;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, promise);
    return promise;
  }

  return {
    find: (workspaceId, slug, selector) => {
      const place = { workspaceId, slug, selector };
      const key = keyOf(place);
      const served = held.get(key);
      if (served !== undefined) {
        counts.hits += 1;
        return served;
      }
      // While the database is away nobody knows whether there is still nothing.
      if (absences.has(place) && isReachable()) {
        counts.hits += 1;
        counts.absent += 1;
        return null;
      }
      counts.misses += 1;
      return underWay.get(key) ?? load(key, place);
    },
    counts: () => ({ ...counts }),
  };
}
