import { setImmediate as nextTurn } from 'node:timers/promises';

/** Sends before the event loop gets its turn: requests that are under way must not wait for ten thousand sockets. */
const SLICE = 100;

/** Counts the sends of everybody and lets the event loop have its turn now and then. */
export class Pace {
  #sends = 0;

  /** After each send, or after several. @returns what to await when it is time for a turn; null: no promise is made for the other sends. */
  sent(count = 1): Promise<void> | null {
    this.#sends += count;
    if (this.#sends < SLICE) return null;
    this.#sends = 0;
    return nextTurn();
  }
}
