import { LRUCache } from 'lru-cache';

const TYPES = ['application/graphql-response+json', 'application/json'] as const;

export type GraphqlMediaType = (typeof TYPES)[number];

const CACHED_MAX = 100;
const CACHED_LENGTH_MAX = 200;
const known = new LRUCache<string, { readonly type: GraphqlMediaType | null }>({ max: CACHED_MAX });

/**
 * The media type in which Yoga answers who sends this `Accept`; null: something else, or nothing. As Yoga 5.24 reads the header, which knows
 * no weights: of what is asked for, the first that matches, and of several that match it, `application/json`.
 */
export function graphqlMediaType(accept = '*/*'): GraphqlMediaType | null {
  const cached = known.get(accept);
  if (cached !== undefined) return cached.type;
  const type = choose(accept === '' ? '*/*' : accept);
  if (accept.length <= CACHED_LENGTH_MAX) known.set(accept, { type });
  return type;
}

function choose(accept: string): GraphqlMediaType | null {
  let chosen: GraphqlMediaType | null = null;
  for (const asked of askedFor(accept).toReversed())
    for (const type of TYPES) if (matches(type, asked)) chosen = type;
  return chosen;
}

function askedFor(accept: string): string[] {
  const parts = accept.replaceAll(/\s/g, '').toLowerCase().split(',');
  return parts.flatMap((part) => {
    const [type = '', ...parameters] = part.split(';');
    const charset = parameters.find((parameter) => parameter.includes('charset='));
    return charset === undefined || charset === 'charset=utf-8' ? [type] : [];
  });
}

function matches(type: GraphqlMediaType, asked: string): boolean {
  const [main = '', sub = ''] = asked.split('/');
  const [ownMain, ownSub] = type.split('/');
  return (main === '*' || main === ownMain) && (sub === '*' || sub === ownSub);
}
