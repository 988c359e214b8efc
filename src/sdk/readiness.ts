import type { Clock } from './clock.ts';
import { Closed, messageOf, NoContactYet } from './errors.ts';
import type { Source } from './types.ts';

const TIMEOUT_MS = 10_000;

interface Waiting {
  resolve(ready: { readonly source: Source }): void;
  reject(error: Error): void;
  cancel(): void;
}

/** Who waits until something can be served. */
export class Readiness {
  readonly #clock: Clock;
  readonly #lastError: () => Error | null;
  readonly #waiting = new Set<Waiting>();
  #isKnown = false;
  /** Why nothing will be known soon. */
  #refusal: Error | null = null;

  constructor(clock: Clock, lastError: () => Error | null) {
    this.#clock = clock;
    this.#lastError = lastError;
  }

  /** @throws NoContactYet in time, Unauthorised, Closed */
  async ready(timeoutMs = TIMEOUT_MS): Promise<{ readonly source: Source }> {
    if (this.#refusal !== null) throw this.#refusal;
    if (this.#isKnown) return { source: 'memory' };
    return this.#wait(timeoutMs);
  }

  known(source: Exclude<Source, 'memory'>): void {
    this.#isKnown = true;
    if (!(this.#refusal instanceof Closed)) this.#refusal = null;
    this.#settle((waiting) => waiting.resolve({ source }));
  }

  /** The credential is refused; where something is known, that is no matter. */
  refused(error: Error): void {
    if (this.#isKnown) return;
    this.#refusal = error;
    this.#settle((waiting) => waiting.reject(error));
  }

  close(): void {
    const error = new Closed();
    this.#refusal = error;
    this.#settle((waiting) => waiting.reject(error));
  }

  #wait(timeoutMs: number): Promise<{ readonly source: Source }> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { resolve, reject, cancel: () => {} };
      waiting.cancel = this.#clock.after(timeoutMs, () => {
        this.#waiting.delete(waiting);
        const last = this.#lastError();
        const why = last === null ? 'no server has answered' : messageOf(last);
        reject(new NoContactYet(`nothing is known after ${timeoutMs} ms: ${why}`, { cause: last }));
      });
      this.#waiting.add(waiting);
    });
  }

  #settle(settle: (waiting: Waiting) => void): void {
    for (const waiting of this.#waiting) {
      waiting.cancel();
      settle(waiting);
    }
    this.#waiting.clear();
  }
}
