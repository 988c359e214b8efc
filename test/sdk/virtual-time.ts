import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/sdk/clock.ts';

interface Timer {
  readonly due: number;
  readonly run: () => void;
}

/** Time that passes when a test says so, and chance that is the same in each run. */
export interface VirtualTime extends Clock {
  /** Lets so much time pass; what is due runs when it is due, and what it begins may end before more time passes. */
  pass(ms: number): Promise<void>;
  /** How many timers are set. */
  pending(): number;
}

export function virtualTime(seed = 1): VirtualTime {
  const timers = new Set<Timer>();
  let now = Date.parse('2026-11-24T12:00:00Z');
  let state = seed;
  return {
    now: () => now,
    random: () => {
      // mulberry32
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
    after: (delayMs, run) => {
      const timer = { due: now + Math.max(0, delayMs), run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    pass: async (ms) => {
      const until = now + ms;
      await turn();
      for (let next = earliest(timers); next !== null && next.due <= until; next = earliest(timers)) {
        // Those of a millisecond run together: with a thousand clients one after the other would take for ever.
        now = Math.min(until, Math.ceil(next.due));
        for (const timer of timers) if (timer.due <= now && timers.delete(timer)) timer.run();
        await turn();
      }
      now = until;
    },
    pending: () => timers.size,
  };
}

function earliest(timers: ReadonlySet<Timer>): Timer | null {
  let first: Timer | null = null;
  for (const timer of timers) if (first === null || timer.due < first.due) first = timer;
  return first;
}
