import type { Clock } from './clock.ts';

/** When the server last proved that what is known is current. */
export class Freshness {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #changed: (isStale: boolean) => void;
  readonly #began: number;
  #freshAt: number | null = null;
  #isStale = false;
  #cancel: () => void = () => {};

  constructor(clock: Clock, limitMs: number, changed: (isStale: boolean) => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#changed = changed;
    this.#began = clock.now();
  }

  get freshAt(): Date | null {
    return this.#freshAt === null ? null : new Date(this.#freshAt);
  }

  get staleSince(): Date | null {
    return this.#isStale ? this.freshAt : null;
  }

  isOlderThan(limitMs: number): boolean {
    return this.#freshAt === null || this.#clock.now() - this.#freshAt > limitMs;
  }

  /** What was known was current at this moment. */
  proved(at: number): void {
    this.#freshAt = Math.max(at, this.#freshAt ?? at);
    this.#judge();
  }

  stop(): void {
    this.#cancel();
  }

  /** What a file brings is old at once; it is called stale only when the server had its time to say something newer. */
  #judge(): void {
    if (this.#freshAt === null) return;
    this.#cancel();
    const leftMs = Math.max(this.#freshAt, this.#began) + this.#limitMs - this.#clock.now();
    const isStale = leftMs <= 0;
    if (!isStale) this.#cancel = this.#clock.after(leftMs, () => this.#judge());
    if (isStale === this.#isStale) return;
    this.#isStale = isStale;
    this.#changed(isStale);
  }
}
