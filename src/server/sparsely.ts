const INTERVAL_MS = 1_000;

/** At most one call a second; the next one that is let through tells how many were not. The first is let through at once. */
export function sparsely<T>(tell: (what: T, suppressed: number) => void): (what: T) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  return (what) => {
    const now = performance.now();
    if (now - toldMs < INTERVAL_MS) {
      suppressed += 1;
      return;
    }
    tell(what, suppressed);
    toldMs = now;
    suppressed = 0;
  };
}
