import type { Clock } from './clock.ts';
import { channelUrl, requestHeaders } from './request.ts';
import type { Wish } from './transport.ts';

/** At most one a second. */
const INTERVAL_MS = 1_000;
/** A server that does not know the path, or does not take it from this credential. */
const NOT_TAKEN = [401, 403, 404, 405];

export interface AcknowledgerDeps {
  readonly fetcher: typeof fetch;
  readonly clock: Clock;
  /** The one of the connection. */
  readonly credential: () => string;
  readonly wish: Omit<Wish, 'credential' | 'url' | 'after'>;
  /** Where the connection is. */
  readonly url: () => string;
  readonly failed: (error: unknown) => void;
}

/** Tells the server how far this instance has applied what it was told. It is never waited for, and what fails is told later. */
export class Acknowledger {
  readonly #deps: AcknowledgerDeps;
  readonly #abort = new AbortController();
  #applied: string | null = null;
  #confirmed: string | null = null;
  #isSending = false;
  #isTaken = true;
  #notBefore = 0;
  #cancel: (() => void) | null = null;

  constructor(deps: AcknowledgerDeps) {
    this.#deps = deps;
  }

  /** On a new connection everything is told again: it may be to another node, or to a newer server. */
  reconnected(): void {
    this.#confirmed = null;
    this.#isTaken = true;
  }

  applied(cursor: string): void {
    this.#applied = cursor;
    this.retry();
  }

  /** Tells what is not confirmed yet. */
  retry(): void {
    if (this.#isSending || this.#cancel !== null || this.#applied === this.#confirmed || !this.#isTaken)
      return;
    if (this.#abort.signal.aborted) return;
    const waitMs = this.#notBefore - this.#deps.clock.now();
    if (waitMs <= 0) return void this.#send();
    this.#cancel = this.#deps.clock.after(waitMs, () => {
      this.#cancel = null;
      this.retry();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#abort.abort();
  }

  async #send(): Promise<void> {
    const cursor = this.#applied;
    this.#isSending = true;
    this.#notBefore = this.#deps.clock.now() + INTERVAL_MS;
    let isDone = false;
    try {
      isDone = await this.#post(cursor);
      if (isDone) this.#confirmed = cursor;
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#deps.failed(error);
    }
    this.#isSending = false;
    // What was applied meanwhile; what failed waits for the next bookmark.
    if (isDone || this.#applied !== cursor) this.retry();
  }

  async #post(cursor: string | null): Promise<boolean> {
    const { fetcher, wish, url } = this.#deps;
    const credential = this.#deps.credential();
    const response = await fetcher(channelUrl({ ...wish, prompts: null, url: url() }, '/applied'), {
      method: 'POST',
      headers: requestHeaders({ ...wish, credential }, { 'content-type': 'application/json' }),
      body: JSON.stringify({ instance: wish.instance, cursor }),
      signal: this.#abort.signal,
    });
    await response.body?.cancel();
    if (response.ok) return true;
    this.#isTaken = !NOT_TAKEN.includes(response.status);
    throw new Error(`answered with ${response.status}`);
  }
}
