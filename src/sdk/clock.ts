/** Time and chance, so that tests can run hours of both in a moment. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** 0 to 1, as Math.random. */
  random(): number;
  /** Runs it once, later; the answer takes it back. */
  after(delayMs: number, run: () => void): () => void;
}

/** Of a longer one setTimeout makes 1 ms. */
const DELAY_MAX_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(delayMs, DELAY_MAX_MS));
    return () => clearTimeout(timer);
  },
};
