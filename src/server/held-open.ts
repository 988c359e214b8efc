/**
 * A generator that yields nothing and ends when it is returned: what stands for a subscription whose frames somebody else writes. An async
 * function* would not do: its `return` waits for what it awaits, which never comes.
 */
export class HeldOpen<T> implements AsyncGenerator<T, void, void> {
  readonly #ended: Promise<IteratorResult<T, void>>;
  #settle: (result: IteratorResult<T, void>) => void = () => undefined;
  /** Null: it is over. */
  #onReturn: (() => void) | null;

  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
    this.#ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  next(): Promise<IteratorResult<T, void>> {
    return this.#ended;
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#end();
    return DONE;
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#end();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #end(): void {
    const onReturn = this.#onReturn;
    if (onReturn === null) return;
    this.#onReturn = null;
    onReturn();
    this.#settle(DONE);
  }
}

const DONE: IteratorReturnResult<void> = { done: true, value: undefined };
