import type { IncomingMessage } from 'node:http';
import Negotiator from 'negotiator';
import { ingredientOf } from '../delivery/answer-cache.ts';
import type { Answer } from '../delivery/answer-cache.ts';
import { keyOf } from '../delivery/held-versions.ts';
import type { Representation, Served } from '../delivery/representation.ts';
import type { Target } from './delivery-target.ts';
import { flatHeaders, headOf } from './head.ts';
import type { Head } from './head.ts';
import { notAcceptable, ProblemError } from './problem.ts';
import { varyWith } from './revalidation.ts';

/** What a GET is answered: the whole of it, or that the client has it already. */
export interface DeliveryAnswer extends Answer {
  readonly etag: string;
  readonly whole: Head;
  readonly unchanged: Head;
}

/** @throws ProblemError 406 */
export function makeAnswer(
  served: Served,
  { slug, selector }: Target,
  { req, workspaceId, vary }: { req: IncomingMessage; workspaceId: string; vary: string | null },
): DeliveryAnswer {
  const { etag, body, contentType } = negotiate(req, served);
  const headers = flatHeaders({
    etag,
    'cache-control': 'channel' in selector ? 'private, no-cache' : 'private, max-age=31536000, immutable',
    ...originHeaders(served),
    vary: varyWith(vary),
  });
  return {
    madeOf: [ingredientOf(keyOf({ workspaceId, slug, selector }), served)],
    etag,
    unchanged: headOf(304, headers),
    whole: headOf(200, [...headers, 'content-type', contentType, 'content-length', String(body.length)]),
    body,
  };
}

/** Which version it is, and since which event. */
export function originHeaders({ source: { version, cursor } }: Served): Record<string, string> {
  return {
    'x-promptforge-version': String(version),
    ...(cursor === null ? {} : { 'x-promptforge-cursor': cursor }),
  };
}

function negotiate(req: IncomingMessage, served: Served): Representation {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return served.json;
  const offered = served.text === null ? ['application/json'] : ['application/json', 'text/plain'];
  const type = new Negotiator(req).mediaType(offered);
  if (type === 'text/plain' && served.text !== null) return served.text;
  if (type === 'application/json') return served.json;
  throw new ProblemError(notAcceptable(`this prompt is served as ${offered.join(' or ')}`));
}
