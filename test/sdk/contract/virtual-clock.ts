interface Timer {
  readonly due: number;
  readonly run: () => void;
}

/** Time that passes when it is told to. Timers run in the order of their time, those of one moment in the order in which they were set. */
export interface VirtualClock {
  now(): number;
  random(): number;
  after(delayMs: number, run: () => void): () => void;
  /** When the next timer is due; null: there is none. */
  nextDue(): number | null;
  /** Goes on to this moment and runs what is due by then; what that sets is not run before the next call. */
  advanceTo(moment: number): void;
  /** How many timers are set. */
  pending(): number;
}

export function createVirtualClock(start: number, random: () => number): VirtualClock {
  const timers = new Set<Timer>();
  let now = start;
  return {
    now: () => now,
    random,
    after: (delayMs, run) => {
      const timer = { due: now + Math.max(0, delayMs), run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    nextDue: () => {
      let next: number | null = null;
      for (const { due } of timers) if (next === null || due < next) next = due;
      return next;
    },
    advanceTo: (moment) => {
      const due = [...timers].filter((timer) => timer.due <= moment).toSorted((a, b) => a.due - b.due);
      now = Math.max(now, moment);
      for (const timer of due) if (timers.delete(timer)) timer.run();
    },
    pending: () => timers.size,
  };
}
