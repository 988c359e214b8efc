export interface Poller {
  /** Polls now, and from then on. */
  now(): Promise<void>;
  /** The interval may have changed: the next poll is due anew. */
  schedule(): void;
  stop(): void;
}

export interface PollerOptions {
  readonly poll: () => Promise<void>;
  readonly onFailure: (error: unknown) => void;
  readonly intervalMs: () => number;
}

/** Polls again and again, whatever came of it the last time. */
export function createPoller({ poll, onFailure, intervalMs }: PollerOptions): Poller {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function now(): Promise<void> {
    clearTimeout(timer);
    if (stopped) return;
    try {
      await poll();
    } catch (error) {
      onFailure(error);
    } finally {
      schedule();
    }
  }

  function schedule(): void {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => void now(), intervalMs());
    timer.unref();
  }

  return {
    now,
    schedule,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
