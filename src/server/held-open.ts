/**
 * A generator that yields nothing and ends when it is returned: what stands for a subscription whose frames somebody else writes. An async
 * function* would not do: its `return` waits for what it awaits, which never comes.
 */
export function heldOpen<T>(onReturn: () => void): AsyncGenerator<T, void, void> {
  const done: IteratorReturnResult<void> = { done: true, value: undefined };
  let isOver = false;
  let settle: (result: IteratorResult<T, void>) => void = () => undefined;
  const ended = new Promise<IteratorResult<T, void>>((resolve) => {
    settle = resolve;
  });
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    onReturn();
    settle(done);
  };
  return {
    next: () => ended,
    return: async () => {
      end();
      return done;
    },
    throw: async (error) => {
      end();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
