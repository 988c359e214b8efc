import type { Answer } from '../delivery/answer-cache.ts';
import { openingOf } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import { matchesEtag } from './revalidation.ts';

/**
 * Sends an answer, or that the client has it already. What is sent for the first time and what comes from memory go through here alike, which
 * is why they cannot differ. The answer's headers begin with OPENING.
 */
export function sendAnswer(
  exchange: Exchange,
  answer: Answer,
  { isStale }: { readonly isStale: boolean },
): void {
  const { req, res } = exchange;
  const isKnown = matchesEtag(req.headers['if-none-match'], answer.etag);
  const headers = openingOf(exchange, isKnown ? answer.headers304 : answer.headers200);
  // Of this moment, not of the answer.
  if (isStale) headers.push('x-promptforge-stale', 'true');
  res.writeHead(isKnown ? 304 : 200, headers);
  res.end(isKnown || req.method === 'HEAD' ? undefined : answer.body);
}
