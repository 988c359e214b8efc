import type { Kind } from './isolation-world.ts';

/** What is asked for: B's, or one of the same kind that nobody has; and the operation that asks for it as `$x`. */
export interface Case {
  readonly kind: Kind;
  readonly query: string;
  /** B's own value makes no difference to B either: a place in a list, or a text that is not looked up. */
  readonly blind?: boolean;
}

export const query = (kind: Kind, field: string): Case => ({
  kind,
  query: `query ($x: String!) { ${field} }`,
});
export const page = (kind: Kind, field: string): Case => ({ ...query(kind, field), blind: true });
export const byId = (field: string): Case => ({ kind: 'node', query: `query ($x: ID!) { ${field} }` });
export const mutate = (kind: Kind, field: string): Case => ({
  kind,
  query: `mutation ($x: String!) { ${field} { __typename ... on Error { code message } } }`,
  blind: true,
});
export const mutateById = (kind: Kind, field: string): Case => ({
  ...mutate(kind, field),
  query: `mutation ($x: ID!) { ${field} { __typename ... on Error { code message } } }`,
});
export const follow = (kind: Kind, field: string): Case => ({
  kind,
  query: `subscription ($x: String!) { ${field} { __typename cursor more ... on ChannelSnapshot { reason entries { version { template } } } } }`,
  blind: true,
});
export const followRequests = (kind: Kind, field: string): Case => ({
  kind,
  query: `subscription ($x: String!) { ${field} { __typename cursor change } }`,
  blind: true,
});
