import type { Database } from '../db/client.ts';
import { purgeIdempotencyKeys } from '../db/idempotency.ts';
import type { Log } from './log.ts';

const ROUND_MS = 60 * 60 * 1_000;

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
    try {
      const purged = await purgeIdempotencyKeys(database.writer);
      if (purged > 0) log.debug({ purged }, 'idempotency keys forgotten');
    } catch (error) {
      log.warn(
        { reason: error instanceof Error ? error.message : String(error) },
        'idempotency keys could not be swept',
      );
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
