import type { Exchange } from './exchange.ts';
import { varyWith } from './revalidation.ts';

/**
 * What caches between here and the client are told of an answer to a GET: who asks matters, and what is served moves. Answers to POST are
 * kept by none. Flat: name, value, name, value.
 */
export function cachingOf({ req: { method }, vary }: Exchange): readonly string[] {
  if (method === 'GET' || method === 'HEAD')
    return ['vary', varyWith(vary), 'cache-control', 'private, no-cache'];
  return vary === null ? [] : ['vary', vary];
}
