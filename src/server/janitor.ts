import { purgeApplied } from '../db/applied-cursors.ts';
import type { Database } from '../db/client.ts';
import { purgeIdempotencyKeys } from '../db/idempotency.ts';
import { purgeNodes } from '../db/stream-subscribers.ts';
import { foldUsage, purgeUsage } from '../db/usage.ts';
import type { Log } from './log.ts';

const ROUND_MS = 60 * 60 * 1_000;
/** Requests expire, and wait for their soak time, to about the minute. */
const REQUESTS_ROUND_MS = 60 * 1_000;
const SWEEPS = [
  ['idempotency keys', purgeIdempotencyKeys],
  ['minutes of usage', foldUsage],
  ['hours of usage', purgeUsage],
  ['instances that are gone', purgeApplied],
  ['nodes that are gone', purgeNodes],
] as const;

export interface Janitor {
  /** Throws out what is past its lifetime. Never rejects: what was not done now is done in the next round. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Sweeps at once and then every hour, requests every minute. Every node may: each forgets only what nobody may rely on any more.
 * `sweepRequests`: what time does to promotion requests.
 */
export function startJanitor(
  database: Database,
  log: Log,
  sweepRequests: () => Promise<number> = async () => 0,
): Janitor {
  let underWay: Promise<void> | null = null;
  let round: Promise<void> = sweep();
  const timers = [
    setInterval(() => {
      round = sweep();
    }, ROUND_MS).unref(),
    setInterval(() => void requestsOnce(), REQUESTS_ROUND_MS).unref(),
  ];

  async function sweep(): Promise<void> {
    for (const [what, purge] of SWEEPS) await sweepOne(what, () => purge(database.writer));
    await requestsOnce();
  }

  /** A round that takes longer than a minute is not overtaken by the next, of whichever timer: that one waits for the same. */
  function requestsOnce(): Promise<void> {
    underWay ??= sweepOne('promotion requests', sweepRequests).finally(() => {
      underWay = null;
    });
    return underWay;
  }

  async function sweepOne(what: string, purge: () => Promise<number>): Promise<void> {
    try {
      const purged = await purge();
      if (purged > 0) log.debug({ purged }, `${what} swept`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ reason }, `${what} could not be swept`);
    }
  }

  return {
    sweep,
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await Promise.all([round, underWay]);
    },
  };
}
