import { setImmediate as nextTurn } from 'node:timers/promises';

/** Sends before the event loop gets its turn: requests that are under way must not wait for ten thousand sockets. */
const SLICE = 100;

/** Counts the sends of everybody and lets the event loop have its turn now and then. */
export class Pace {
  #sends = 0;

  /** To be awaited after each send, or after several. */
  async sent(count = 1): Promise<void> {
    this.#sends += count;
    if (this.#sends < SLICE) return;
    this.#sends = 0;
    await nextTurn();
  }
}
