import { executionAsyncResource } from 'node:async_hooks';

let held: object | undefined;

/**
 * Keeps one of the objects that `process.nextTick` makes, several for each request. A full collection of garbage that finds none lets
 * go their shape; the code that makes them, optimised for it, then calls into V8's runtime for each of them, for as long as the process
 * lives. A server that has loaded and begins to listen is in that state nearly always: a seventh to a third of what it could answer
 * (docs/decisions/0039). To be called before anything large is loaded.
 */
export function holdTickShape(): void {
  process.nextTick(() => {
    held ??= executionAsyncResource();
  });
}
