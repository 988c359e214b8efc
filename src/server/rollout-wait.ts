import { setTimeout as delay } from 'node:timers/promises';
import type { Reader } from '../db/client.ts';
import { loadListeners, placesOfCommit } from '../db/rollout.ts';
import { isRolledOut } from '../domain/rollout.ts';
import type { Listeners } from '../domain/rollout.ts';

/** Until then somebody who came right before the promotion, to whichever node, may not be listed. */
const LISTED_MS = 500;
const PAUSE_MS = 100;
const PAUSE_MS_MAX = 500;
/** What was read so lately is good for all who wait for the same channel. */
const SHARED_MS = 100;
/** All that one request may wait for, below the time that an operation may take. */
const REQUEST_MS_MAX = 15_000;

export interface RolloutWaitOptions {
  readonly reader: Reader;
  /** Whether this node drains: nobody waits any longer. */
  readonly isStopping: () => boolean;
}

/** One request that may wait. */
export interface Waiting {
  readonly workspaceId: string;
  /** When the request began, by the monotonic clock. */
  readonly beganMs: number;
  /** Whether nobody is there any more to be answered. */
  readonly isGone: () => boolean;
}

/** Waits until everybody who says what it has applied has applied the commit of the promotion, or for so long. Never rejects. */
export type WaitForRollout = (waiting: Waiting, promotionId: string, ms: number) => Promise<void>;

/** Looks again and again, and holds nothing in between: no connection, no transaction. */
export function createRolloutWait({ reader, isStopping }: RolloutWaitOptions): WaitForRollout {
  const read = sharedRead(reader);

  async function untilRolledOut({ workspaceId, beganMs, isGone }: Waiting, promotionId: string, ms: number) {
    const endMs = Math.min(performance.now() + ms, beganMs + REQUEST_MS_MAX);
    const places = await placesOfCommit(reader, workspaceId, promotionId);
    const [first] = places;
    if (first === undefined) return;
    const slugs = places.map(({ slug }) => slug);
    for (const pauseMs of pauses()) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || isGone() || isStopping()) return;
      await delay(Math.min(pauseMs, leftMs));
      // A database that is away for a moment costs a look.
      const listeners = await read(workspaceId, first.channel).catch(() => null);
      if (listeners !== null && isRolledOut(listeners, slugs, first.seq)) return;
    }
  }

  // The promotion stands, whatever becomes of the wait.
  return async (waiting, promotionId, ms) => {
    if (ms > 0) await untilRolledOut(waiting, promotionId, ms).catch(() => undefined);
  };
}

function* pauses(): Generator<number, never, void> {
  yield LISTED_MS;
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, PAUSE_MS_MAX)) yield pauseMs;
}

function sharedRead(reader: Reader) {
  const reads = new Map<string, Promise<readonly Listeners[]>>();
  return (workspaceId: string, channel: string): Promise<readonly Listeners[]> => {
    const key = `${workspaceId} ${channel}`;
    const known = reads.get(key);
    if (known !== undefined) return known;
    const reading = loadListeners(reader, workspaceId, [channel]).then((found) => found.get(channel) ?? []);
    reads.set(key, reading);
    setTimeout(() => reads.delete(key), SHARED_MS).unref();
    return reading;
  };
}
