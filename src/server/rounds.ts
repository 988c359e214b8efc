export interface Rounds {
  /** Does the round now, once more after the one under way. Never rejects. */
  now(): Promise<void>;
  /** No more rounds; settles when the one under way has ended. */
  stop(): Promise<void>;
}

/** Does something again and again, one at a time. What it rejects with is told once, until it has worked again. */
export function startRounds(options: {
  readonly everyMs: number;
  readonly round: () => Promise<void>;
  readonly onFailing: (error: unknown) => void;
  readonly onWorking: () => void;
}): Rounds {
  let failing = false;
  let latest: Promise<void> = Promise.resolve();
  let waiting = 0;

  async function once(): Promise<void> {
    try {
      await options.round();
      if (failing) options.onWorking();
      failing = false;
    } catch (error) {
      if (!failing) options.onFailing(error);
      failing = true;
    }
  }

  async function now(): Promise<void> {
    waiting += 1;
    latest = latest.then(once).finally(() => {
      waiting -= 1;
    });
    return latest;
  }

  // A database that does not answer must not collect rounds.
  const timer = setInterval(() => {
    if (waiting === 0) void now();
  }, options.everyMs);
  timer.unref();

  return {
    now,
    stop: async () => {
      clearInterval(timer);
      await latest;
    },
  };
}

/** Settles with the work, or after so long: a database that does not answer must not hold up a node that stops. */
export async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
