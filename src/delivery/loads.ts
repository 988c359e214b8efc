import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from '../domain/errors.ts';
import type { Reader } from '../db/client.ts';
import { loadNumbered, loadServed } from '../db/serving.ts';
import type { ServedAt, ServedVersion } from '../db/serving.ts';
import { createBreath } from './breath.ts';
import type { Place } from './held-versions.ts';
import { isRight } from './readings.ts';
import type { Readings } from './readings.ts';
import { represent } from './representation.ts';
import type { Served } from './representation.ts';
import { within } from './within.ts';

/** A database that lags behind what the feed has told is asked again. */
const LAG_MS = 20;
/** What was read may be newer than what this node serves: it waits for the feed to get there, and no longer than this. */
const REACH_MS = 1_000;

/** How far the feed has told this node's consumers, and how to wait for it. */
export interface Progress {
  readonly headOf: (workspaceId: string) => { readonly seq: bigint } | undefined;
  /** Never rejects. */
  readonly reach: (workspaceId: string, seq: bigint, timeoutMs: number) => Promise<boolean>;
}

export interface LoadsOptions {
  readonly reader: Reader;
  readonly readings: Readings;
  readonly progress: Progress;
  readonly isReachable: () => boolean;
  readonly msMax: number;
}

/** What was read, right at the moment at which it is handed over: who takes it must not wait before holding it. */
type Take<T> = (served: readonly Served[], readAt: bigint) => T;

/** Each reads until what was read is no older than what was told; null: the workspace is gone. @throws Unavailable */
export interface Loads {
  /** By a reader that is named: nobody waits for it. */
  channels<T>(
    asked: {
      readonly workspaceId: string;
      readonly places: readonly ChannelPlace[];
      readonly reader: Reader;
    },
    take: Take<T>,
  ): Promise<T | null>;
  place<T>(place: Place, take: Take<T>): Promise<T | null>;
}

export interface ChannelPlace {
  readonly channel: string;
  readonly slug: string;
}

export function createLoads({ reader, readings, progress, isReachable, msMax }: LoadsOptions): Loads {
  async function readFresh<T>(
    workspaceId: string,
    slugs: ReadonlySet<string>,
    query: () => Promise<ServedAt>,
    take: Take<T>,
  ): Promise<T | null> {
    const endMs = performance.now() + msMax;
    for (;;) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || !isReachable()) throw new Unavailable();
      const reading = readings.begin(workspaceId, slugs);
      const toldBefore = reading.neededSeq;
      let lags = false;
      try {
        const { readAt, served } = await within(leftMs, query());
        if (readAt === null) return null;
        lags = readAt < toldBefore;
        const ready = await representAll(served);
        if (readAt > (progress.headOf(workspaceId)?.seq ?? -1n))
          await progress.reach(workspaceId, readAt, Math.min(REACH_MS, leftMs));
        // From here to the end nothing may wait: an event in between would find neither a reading nor an entry.
        if (isRight(reading, readAt)) return take(ready, readAt);
      } finally {
        readings.end(workspaceId, reading);
      }
      if (lags) await sleep(LAG_MS);
    }
  }

  return {
    channels: async ({ workspaceId, places, reader: askedReader }, take) =>
      readFresh(
        workspaceId,
        new Set(places.map(({ slug }) => slug)),
        () => loadServed(askedReader, workspaceId, places),
        take,
      ),
    place: async ({ workspaceId, slug, selector }, take) =>
      readFresh(
        workspaceId,
        new Set([slug]),
        () =>
          'number' in selector
            ? loadNumbered(reader, workspaceId, slug, selector.number)
            : loadServed(reader, workspaceId, [{ channel: selector.channel, slug }]),
        take,
      ),
  };
}

async function representAll(served: readonly ServedVersion[]): Promise<Served[]> {
  const breathe = createBreath();
  const ready: Served[] = [];
  for (const source of served) {
    ready.push(represent(source));
    await breathe();
  }
  return ready;
}
