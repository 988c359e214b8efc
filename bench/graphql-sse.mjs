// Loaded by push-yardsticks.ts when it is asked for: the package stands in bench/package.json alone.
import { createHandler } from 'graphql-sse/lib/use/http';

export function handlerOf(schema) {
  return createHandler({ schema });
}
