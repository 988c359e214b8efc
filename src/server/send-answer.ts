import { openingOf } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import type { Head } from './head.ts';

/**
 * Sends an answer. What is sent for the first time and what comes from memory go through here alike, which is why they cannot differ.
 * @param body undefined: there is none
 */
export function sendAnswer(
  exchange: Exchange,
  { head, body }: { readonly head: Head; readonly body: Buffer | undefined },
  { isStale }: { readonly isStale: boolean },
): void {
  const { req, res, own } = exchange;
  const isHead = req.method === 'HEAD';
  if (!isStale && !isHead && own.length === 0 && res.sendPrepared(head, body, exchange)) return;
  const headers = openingOf(exchange, head.headers);
  // Of this moment, not of the answer.
  if (isStale) headers.push('x-promptforge-stale', 'true');
  res.writeHead(head.status, headers);
  res.end(isHead ? undefined : body);
}
