import type { IncomingMessage } from 'node:http';
import { AUDIT_EXPORT_PATH } from './audit-export.ts';
import { APPLIED_SUFFIX, CHANNELS_PATH } from './channel-request.ts';
import { DELIVERY_PATH, GRAPHIQL_ASSETS_PATH, GRAPHQL_PATH } from './paths.ts';

export type Route =
  | 'graphql'
  | 'graphiql'
  | 'delivery'
  | 'channel'
  | 'applied'
  | 'events'
  | 'audit'
  | 'livez'
  | 'readyz'
  | 'metrics'
  | 'unknown';

/** What a probe asks for is answered whoever else asks for too much. */
export const UNCOUNTED_ROUTES: ReadonlySet<Route> = new Set<Route>(['livez', 'readyz']);

/** What pages of other origins may call, where the operator says so. */
export const CORS_ROUTES: ReadonlySet<Route> = new Set<Route>([
  'graphql',
  'delivery',
  'channel',
  'applied',
  'events',
]);

const ADDRESS = /^https?:\/\/[^/?]*/i;

/** Some proxies send the address of the server before the path, and RFC 9112 has every server take that. */
export function takeAddressOff(req: IncomingMessage): void {
  if (req.url?.startsWith('/') === false) req.url = req.url.replace(ADDRESS, '') || '/';
}

export function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

export function routeOf(path: string): Route {
  if (path.startsWith(DELIVERY_PATH)) return 'delivery';
  if (path.startsWith(CHANNELS_PATH)) return channelRouteOf(path);
  if (path === AUDIT_EXPORT_PATH) return 'audit';
  if (path === GRAPHQL_PATH) return 'graphql';
  if (path.startsWith(GRAPHIQL_ASSETS_PATH)) return 'graphiql';
  if (path === '/livez' || path === '/readyz' || path === '/metrics') return path.slice(1) as Route;
  return 'unknown';
}

function channelRouteOf(path: string): Route {
  if (path.endsWith(APPLIED_SUFFIX)) return 'applied';
  return path.includes('/', CHANNELS_PATH.length) ? 'events' : 'channel';
}
