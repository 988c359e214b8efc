/** docs/sdk.md says when each of them counts. */
const FIRST_RETRY_MS = 1_000;
const BASE_MS = 1_000;
const CAP_MS = 30_000;
const HEALTHY_MS = 60_000;
const REFUSED_BASE_MS = 5 * 60_000;
const REFUSED_CAP_MS = 60 * 60_000;
/** A server that asks for more means something else than that. */
const RETRY_AFTER_MAX_MS = 60 * 60_000;

/** How long to wait before the next try. `random` is 0 to 1. */
export class Backoff {
  #failures = 0;
  #refusals = 0;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Tries since the last connection that stayed. */
  get failures(): number {
    return this.#failures;
  }

  /** A connection ended; only one that stayed for a while counts as a new beginning. */
  ended(stoodMs: number): void {
    if (stoodMs >= HEALTHY_MS) this.#failures = 0;
  }

  /** The server took the credential. */
  accepted(): void {
    this.#refusals = 0;
  }

  /** First anywhere within a second, so that those who lost one server do not return as one; then 1, 2, 4 ... 30 s, half of each at random. */
  next(): number {
    const failures = this.#failures;
    this.#failures += 1;
    if (failures === 0) return this.#random() * FIRST_RETRY_MS;
    return this.#jittered(Math.min(CAP_MS, BASE_MS * 2 ** (failures - 1)));
  }

  /** The server asked to wait so long. */
  nextAfter(retryAfterMs: number): number {
    const asked = Math.min(retryAfterMs, RETRY_AFTER_MAX_MS);
    return Math.max(this.next(), asked + this.#random() * FIRST_RETRY_MS);
  }

  /** The credential was refused: 5 min growing to 1 h, half of it at random. */
  nextAfterRefusal(): number {
    const delayMs = Math.min(REFUSED_CAP_MS, REFUSED_BASE_MS * 2 ** this.#refusals);
    this.#refusals += 1;
    this.#failures += 1;
    return this.#jittered(delayMs);
  }

  #jittered(delayMs: number): number {
    return delayMs * (0.5 + this.#random() / 2);
  }
}
