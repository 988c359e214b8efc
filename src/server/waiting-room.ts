/** WebSockets that have not said who they are: so many at once, and of one network no more than a share, so that nobody takes all places. */
const PLACES = 1_000;
const PLACES_OF_NETWORK = 500;

export class WaitingRoom {
  readonly #waiting = new Map<string, number>();
  #taken = 0;

  /** @returns how the place is left, any number of times; null when there is none. */
  enter(network: string): (() => void) | null {
    const waiting = this.#waiting.get(network) ?? 0;
    if (this.#taken >= PLACES || waiting >= PLACES_OF_NETWORK) return null;
    this.#taken += 1;
    this.#waiting.set(network, waiting + 1);
    let isHere = true;
    return () => {
      if (!isHere) return;
      isHere = false;
      this.#taken -= 1;
      const left = (this.#waiting.get(network) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(network);
      else this.#waiting.set(network, left);
    };
  }
}
