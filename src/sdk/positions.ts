/** So many ends of commits are remembered: more than two connections can overlap by. */
const REMEMBERED_MAX = 2_000;

/**
 * Which places of the feed were applied. A cursor cannot be compared, so that only a place that was there before is known as one that
 * lies behind.
 */
export class Positions {
  #current: string | null = null;
  readonly #applied = new Set<string>();

  get current(): string | null {
    return this.#current;
  }

  /** It was applied, or came before something that was. */
  has(cursor: string): boolean {
    return this.#applied.has(cursor);
  }

  /** It lies behind what is applied. */
  isBehind(cursor: string): boolean {
    return this.#applied.has(cursor) && cursor !== this.#current;
  }

  moveTo(cursor: string): void {
    this.#applied.add(cursor);
    this.#current = cursor;
    if (this.#applied.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#applied) {
      this.#applied.delete(oldest);
      return;
    }
  }

  /** History begins anew with a snapshot: what was applied before may come again and mean something else. */
  beginAt(cursor: string | null): void {
    this.#applied.clear();
    this.#current = cursor;
    if (cursor !== null) this.#applied.add(cursor);
  }
}
