import type { IncomingMessage, ServerResponse } from 'node:http';

const METHODS = 'GET, HEAD, POST, OPTIONS';
const HEADERS_ALLOWED =
  'authorization, content-type, accept, if-none-match, last-event-id, x-request-id, x-promptforge-min-cursor, x-promptforge-workspace';
const HEADERS_EXPOSED =
  'etag, retry-after, x-request-id, x-promptforge-version, x-promptforge-cursor, x-promptforge-stale';
const PREFLIGHT_MAX_AGE_S = '600';

/**
 * Marks the answer for the browser when its origin may call us, and answers preflights. Credentials are bearer headers, never cookies,
 * so no credentials mode is allowed and there is nothing to forge.
 * @returns true when the request was a preflight and is answered.
 */
export function applyCors(req: IncomingMessage, res: ServerResponse, origins: readonly string[]): boolean {
  const { origin } = req.headers;
  if (origins.length > 0) res.setHeader('vary', 'Origin');
  const allowed = origin !== undefined && origins.includes(origin);
  if (allowed) {
    res.setHeader('access-control-allow-origin', origin);
    res.setHeader('access-control-expose-headers', HEADERS_EXPOSED);
  }
  if (req.method !== 'OPTIONS') return false;
  if (allowed && req.headers['access-control-request-method'] !== undefined) {
    res.setHeader('access-control-allow-methods', METHODS);
    res.setHeader('access-control-allow-headers', HEADERS_ALLOWED);
    res.setHeader('access-control-max-age', PREFLIGHT_MAX_AGE_S);
  }
  res.writeHead(204, { allow: METHODS });
  res.end();
  return true;
}
