import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** What was written to a stream and is still here. */
export class Backlog {
  readonly #stream: Writable;
  #drained: Promise<void> | null = null;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  get bytes(): number {
    return this.#stream.writableLength;
  }

  /** Resolves when it was taken, or when the stream has ended; one wait for all who ask. */
  drained(): Promise<void> {
    this.#drained ??= this.#wait().finally(() => {
      this.#drained = null;
    });
    return this.#drained;
  }

  async #wait(): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed || !stream.writableNeedDrain) return;
    const over = new AbortController();
    const { signal } = over;
    // `once` rejects on an error of the stream, which ends the wait as well.
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).catch(
      () => undefined,
    );
    over.abort();
  }
}
