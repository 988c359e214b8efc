/** A request that is made to cost much, or to break something: what it is, and what is answered instead of executing it. */
export interface HostileDocument {
  readonly name: string;
  readonly query: string;
  /** As JSON text: nothing but a parser goes so deep. */
  readonly variables?: string;
  readonly operationName?: string;
  /** `extensions.code`, and for a limit of ours which one. */
  readonly code: string;
  readonly limit?: string;
}

export const times = (count: number, piece: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => piece(index)).join(' ');
export const inside = (levels: number, open: string, core: string) =>
  `${open.repeat(levels)}${core}${'}'.repeat(levels * (open.split('{').length - 1))}`;
export const limited = (limit: string) => ({ code: 'QUERY_LIMIT', limit });
export const INVALID = { code: 'GRAPHQL_VALIDATION_FAILED' };
