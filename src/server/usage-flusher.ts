import type { Database } from '../db/client.ts';
import { isRetryable, isUnavailable } from '../db/database-errors.ts';
import { addUsage } from '../db/usage.ts';
import type { UsageCount } from '../db/usage.ts';
import type { Usage } from '../delivery/usage.ts';
import type { Log } from './log.ts';
import { atMost, startRounds } from './rounds.ts';

const FLUSH_MS = 5_000;
const STOP_MS = 5_000;
/** One statement each; as a rule a flush is one. */
const BATCH = 5_000;

export interface UsageFlusher {
  /** Stores what was counted. Never rejects: what could not be stored stays in memory for the next time. */
  flush(): Promise<void>;
  /** Flushes once more, and no more after that. */
  stop(): Promise<void>;
}

/**
 * Stores what this node counts, every few seconds: a node that is killed loses as much. When the connection breaks after the database
 * has stored a batch and before it said so, that batch is counted twice.
 */
export function startUsageFlusher(
  { writer }: Pick<Database, 'writer'>,
  usage: Usage,
  log: Log,
): UsageFlusher {
  const rounds = startRounds({
    everyMs: FLUSH_MS,
    round: flush,
    onFailing: (error) =>
      log.warn({ err: error, held: usage.size() }, 'usage could not be stored: it stays in memory'),
    onWorking: () => log.info({}, 'usage is stored again'),
  });

  async function flush(): Promise<void> {
    const dropped = usage.takeDropped();
    if (dropped > 0) log.error({ dropped }, 'uses were not counted: too many wait to be stored');
    const counts = usage.drain();
    for (let at = 0; at < counts.length; at += BATCH) {
      try {
        await store(counts.slice(at, at + BATCH));
      } catch (error) {
        usage.restore(counts.slice(at));
        throw error;
      }
    }
  }

  async function store(batch: readonly UsageCount[]): Promise<void> {
    try {
      await addUsage(writer, batch);
    } catch (error) {
      if (isUnavailable(error) || isRetryable(error)) throw error;
      // The database is there and will not have it, now or later: kept, it would stand in the way of all that follows.
      log.error({ err: error, counts: batch.length }, 'usage was refused by the database and is lost');
    }
  }

  return {
    flush: () => rounds.now(),
    stop: async () => {
      void rounds.now();
      await atMost(STOP_MS, rounds.stop());
      if (usage.size() > 0) log.warn({ lost: usage.size() }, 'usage could not be stored before the end');
    },
  };
}
