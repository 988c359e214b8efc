import type { ServerResponse } from 'node:http';

const VARY = 'Accept, Authorization';

/** RFC 9110 13.1.2: weak comparison, lists and "*". */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag || header.trim() === '*') return true;
  const opaque = strong(etag);
  return header.split(',').some((candidate) => strong(candidate.trim()) === opaque);
}

/** @param before what the answer depends on beside: the CORS part says Origin; null: nothing */
export function varyWith(before: string | null): string {
  return before === null ? VARY : `${VARY}, ${before}`;
}

/** The same for what is said already; writeHead replaces it. */
export function varyOf(res: ServerResponse): string {
  return varyWith(res.getHeader('vary')?.toString() ?? null);
}

function strong(etag: string): string {
  return etag.replace(/^W\//, '');
}
