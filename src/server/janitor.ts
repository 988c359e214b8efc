import type { Database } from '../db/client.ts';
import { purgeIdempotencyKeys } from '../db/idempotency.ts';
import { purgeNodes } from '../db/stream-subscribers.ts';
import { foldUsage, purgeUsage } from '../db/usage.ts';
import type { Log } from './log.ts';

const ROUND_MS = 60 * 60 * 1_000;
const SWEEPS = [
  ['idempotency keys', purgeIdempotencyKeys],
  ['minutes of usage', foldUsage],
  ['hours of usage', purgeUsage],
  ['nodes that are gone', purgeNodes],
] as const;

export interface Janitor {
  /** Throws out what is past its lifetime. Never rejects: what was not done now is done in the next round. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

/** Sweeps at once and then every hour. Every node may: each forgets only what nobody may rely on any more. */
export function startJanitor(database: Database, log: Log): Janitor {
  let round: Promise<void> = sweep();
  const timer = setInterval(() => {
    round = sweep();
  }, ROUND_MS);
  timer.unref();

  async function sweep(): Promise<void> {
    for (const [what, purge] of SWEEPS) {
      try {
        const purged = await purge(database.writer);
        if (purged > 0) log.debug({ purged }, `${what} swept`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn({ reason }, `${what} could not be swept`);
      }
    }
  }

  return {
    sweep,
    stop: async () => {
      clearInterval(timer);
      await round;
    },
  };
}
