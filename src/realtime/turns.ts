export interface Turns {
  /** Settles when a run that began after this call has ended. Never rejects: `run` deals with its own failures. */
  take(key: string): Promise<void>;
  /** When the run that is under way now has ended; at once when none is. */
  underWay(key: string): Promise<void>;
  /** When every run that was begun or promised has ended. */
  settled(): Promise<void>;
}

interface Turn {
  readonly running: Promise<void>;
  next: Promise<void> | null;
}

/** Runs one at a time for each key. However many ask while one runs, a single further run answers all of them. */
export function createTurns(run: (key: string) => Promise<void>): Turns {
  const turns = new Map<string, Turn>();

  function begin(key: string): Promise<void> {
    const running = run(key).finally(() => {
      if (turns.get(key)?.next === null) turns.delete(key);
    });
    turns.set(key, { running, next: null });
    return running;
  }

  return {
    take: (key) => {
      const turn = turns.get(key);
      if (turn === undefined) return begin(key);
      turn.next ??= turn.running.then(() => begin(key));
      return turn.next;
    },
    underWay: async (key) => turns.get(key)?.running,
    settled: async () => {
      await Promise.allSettled([...turns.values()].map((turn) => turn.next ?? turn.running));
    },
  };
}
