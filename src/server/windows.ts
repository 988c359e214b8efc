interface Window {
  counted: number;
  readonly endsMs: number;
}

/**
 * Counts by name, in windows: one begins with the first that is counted in it. In memory and at once, since every request comes by here
 * twice: a promise each, as from a limiter that could as well ask a database, costs more than the counting.
 */
export class Windows {
  readonly #max: number;
  readonly #lengthMs: number;
  readonly #now: () => number;
  /** All windows are of one length, so the first that began is the first that ends. */
  readonly #windows = new Map<string, Window>();

  /** @param now monotonic, in milliseconds */
  constructor({ max, lengthMs }: { readonly max: number; readonly lengthMs: number }, now = monotonicMs) {
    this.#max = max;
    this.#lengthMs = lengthMs;
    this.#now = now;
  }

  /** One more. @returns 0; or, when that was too many, after how many milliseconds the window ends. */
  count(name: string, now = this.#now()): number {
    const window = this.#windows.get(name);
    if (window === undefined || window.endsMs <= now) return this.#begin(name, now);
    window.counted += 1;
    return window.counted <= this.#max ? 0 : window.endsMs - now;
  }

  /** What `count` would return now, without counting. */
  ask(name: string): number {
    const now = this.#now();
    const window = this.#windows.get(name);
    return window === undefined || window.counted < this.#max ? 0 : Math.max(0, window.endsMs - now);
  }

  size(): number {
    return this.#windows.size;
  }

  #begin(name: string, now: number): number {
    for (const [ended, { endsMs }] of this.#windows) {
      if (endsMs > now) break;
      this.#windows.delete(ended);
    }
    this.#windows.set(name, { counted: 1, endsMs: now + this.#lengthMs });
    return this.#max >= 1 ? 0 : this.#lengthMs;
  }
}

function monotonicMs(): number {
  return performance.now();
}
