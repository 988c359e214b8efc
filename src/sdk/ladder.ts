import type { End } from './transport.ts';
import type { TransportName } from './types.ts';

/** A connection that stood so long has shown that its transport works. */
const SHORT_LIFE_MS = 10_000;
const SHORT_LIVES_MAX = 3;
const MISSES_MAX = 2;
/** What worked before is more likely to be down than to be forbidden. */
const MISSES_MAX_PROVEN = 8;
const CLIMB_MS = 60_000;
const CLIMB_PROVEN_MS = 10_000;
const CLIMB_CAP_MS = 5 * 60_000;

/** Which transport is used: the best that gets through. Best first. */
export class Ladder {
  #rungs: readonly TransportName[];
  #at = 0;
  #misses = 0;
  #shortLives = 0;
  #climbs = 0;
  readonly #proven = new Set<TransportName>();

  constructor(transports: readonly TransportName[]) {
    this.#rungs = transports;
  }

  get current(): TransportName | null {
    return this.#rungs[this.#at] ?? null;
  }

  /** The better transport to try beside the one that stands; the best first, then those between. Null: it is the best. */
  get better(): TransportName | null {
    return this.#at === 0 ? null : (this.#rungs[this.#climbs % this.#at] ?? null);
  }

  /** How long to stay before a better one is tried: a minute, or ten seconds if that one worked before, doubling up to five minutes. */
  climbDelayMs(random: number): number {
    const { better } = this;
    const firstMs = better !== null && this.#proven.has(better) ? CLIMB_PROVEN_MS : CLIMB_MS;
    return Math.min(CLIMB_CAP_MS, firstMs * 2 ** this.#climbs) * (0.5 + random / 2);
  }

  /** It stands. */
  established(transport: TransportName): void {
    this.#proven.add(transport);
    this.#misses = 0;
    const rung = this.#rungs.indexOf(transport);
    if (rung < this.#at) this.#climbs = 0;
    this.#at = Math.max(0, rung);
  }

  /** The try of a better one failed. */
  climbFailed(transport: TransportName, { cause }: End): void {
    this.#climbs += 1;
    if (cause === 'impossible') this.#remove(transport);
  }

  /** The connection of the current transport is over. `stoodMs` null: it never stood. True: the next one is to be tried at once. */
  ended({ cause }: End, stoodMs: number | null): boolean {
    if (cause === 'impossible') return this.#giveUp();
    if (cause === 'unsupported') return this.#stepDown();
    // The server was there, and said what it had to say: another transport would hear the same.
    if (cause !== 'lost') return false;
    if (stoodMs === null) {
      this.#misses += 1;
      const proven = this.current !== null && this.#proven.has(this.current);
      if (this.#misses >= (proven ? MISSES_MAX_PROVEN : MISSES_MAX)) this.#stepDown();
      return false;
    }
    this.#shortLives = stoodMs < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
    if (this.#shortLives >= SHORT_LIVES_MAX) this.#stepDown();
    return false;
  }

  /** True: there is another one below, which need not wait. */
  #stepDown(): boolean {
    this.#misses = 0;
    this.#shortLives = 0;
    this.#climbs = 0;
    const isLast = this.#at >= this.#rungs.length - 1;
    this.#at = isLast ? 0 : this.#at + 1;
    return !isLast;
  }

  #giveUp(): boolean {
    const { current } = this;
    if (current === null || this.#rungs.length === 1) return false;
    this.#misses = 0;
    const isLast = this.#at === this.#rungs.length - 1;
    this.#remove(current);
    if (isLast) this.#at = 0;
    return !isLast;
  }

  #remove(transport: TransportName): void {
    const rung = this.#rungs.indexOf(transport);
    if (rung === -1 || this.#rungs.length === 1) return;
    this.#rungs = this.#rungs.filter((name) => name !== transport);
    if (rung < this.#at) this.#at -= 1;
  }
}
