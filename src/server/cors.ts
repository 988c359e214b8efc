import type { IncomingMessage, ServerResponse } from 'node:http';

const METHODS = 'GET, HEAD, POST, OPTIONS';
const HEADERS_ALLOWED =
  'authorization, content-type, accept, if-none-match, last-event-id, x-request-id, x-promptforge-min-cursor, x-promptforge-workspace';
const HEADERS_EXPOSED =
  'etag, retry-after, x-request-id, x-promptforge-version, x-promptforge-cursor, x-promptforge-stale';
const PREFLIGHT_MAX_AGE_S = '600';
const NONE: readonly string[] = [];

/** What answers depend on where pages of some origins may read them. */
export const VARY_CORS = 'Origin';

/**
 * Marks an answer for the browser when its origin may call us: name, value, name, value. Credentials are bearer headers, never cookies, so
 * no credentials mode is allowed and there is nothing to forge.
 */
export function corsHeaders({ headers }: IncomingMessage, origins: readonly string[]): readonly string[] {
  const { origin } = headers;
  if (origin === undefined || !origins.includes(origin)) return NONE;
  return ['access-control-allow-origin', origin, 'access-control-expose-headers', HEADERS_EXPOSED];
}

/** Answers OPTIONS; a preflight of an allowed origin hears what it may send. */
export function answerOptions(req: IncomingMessage, res: ServerResponse, origins: readonly string[]): void {
  const isAllowed = corsHeaders(req, origins) !== NONE;
  if (isAllowed && req.headers['access-control-request-method'] !== undefined) {
    res.setHeader('access-control-allow-methods', METHODS);
    res.setHeader('access-control-allow-headers', HEADERS_ALLOWED);
    res.setHeader('access-control-max-age', PREFLIGHT_MAX_AGE_S);
  }
  res.writeHead(204, { allow: METHODS });
  res.end();
}
