import type { ServerResponse } from 'node:http';

const VARY = 'Accept, Authorization';

/** RFC 9110 13.1.2: weak comparison, lists and "*". */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag || header.trim() === '*') return true;
  const opaque = strong(etag);
  return header.split(',').some((candidate) => strong(candidate.trim()) === opaque);
}

/** writeHead replaces what was set before it, and the CORS part has set Origin. */
export function varyOf(res: ServerResponse): string {
  const before = res.getHeader('vary');
  return before === undefined ? VARY : `${VARY}, ${String(before)}`;
}

function strong(etag: string): string {
  return etag.replace(/^W\//, '');
}
