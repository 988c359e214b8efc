/**
 * Works on several items at a time and answers in their order. At most `width` of them are under way or waiting to be taken, so
 * memory does not grow with the number of items; when one fails, no further one is begun and those under way are waited for.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  width: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const next = work(item);
      // Its turn comes later: until then a failure is not unhandled.
      next.catch(() => undefined);
      running.push(next);
      if (running.length >= width) yield* first(running);
    }
    while (running.length > 0) yield* first(running);
  } finally {
    await Promise.allSettled(running);
  }
}

async function* first<Result>(running: Promise<Result>[]): AsyncGenerator<Result> {
  const next = running.shift();
  if (next !== undefined) yield await next;
}
