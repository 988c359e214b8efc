import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema } from 'graphql';
import type { GraphQLSchema } from 'graphql';

interface Result {
  readonly data: { readonly channelEvents: unknown };
}

/** PromptForge's own schema, whose subscription answers every event with what PromptForge told: the same document, the same bytes. */
export function toldSchema(payload: string): { schema: GraphQLSchema; tell: () => void } {
  const schema = buildSchema(readFileSync(join(import.meta.dirname, '..', 'schema.graphql'), 'utf8'));
  const event = (JSON.parse(payload) as Result).data;
  const sources = new Set<Source>();
  const field = schema.getSubscriptionType()?.getFields()['channelEvents'];
  if (field === undefined) throw new Error('the schema has no channelEvents');
  field.subscribe = () => new Source(sources);
  return {
    schema,
    tell: () => {
      for (const source of sources) source.push(event);
    },
  };
}

/** A plain iterator: one for each subscriber, with a queue of its own. */
class Source implements AsyncIterableIterator<unknown> {
  readonly #all: Set<Source>;
  readonly #queue: unknown[] = [];
  #waiting: ((result: IteratorResult<unknown>) => void) | null = null;

  constructor(all: Set<Source>) {
    this.#all = all;
    all.add(this);
  }

  push(value: unknown): void {
    if (this.#waiting === null) this.#queue.push(value);
    else this.#waiting({ done: false, value });
    this.#waiting = null;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#queue.length > 0) return Promise.resolve({ done: false, value: this.#queue.shift() });
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#all.delete(this);
    this.#waiting?.({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
