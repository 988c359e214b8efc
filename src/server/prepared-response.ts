import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Head } from './head.ts';

/** How long a connection on which nothing is asked stays open. */
export const KEEP_ALIVE_MS = 65_000;
const KEPT_ALIVE = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1_000}\r\n\r\n`;

const endNow = createEnd();

/**
 * An answer of node:http that also takes a head that is written already. Checking and joining a dozen headers, each time the same, costs as
 * much as all else that a hot read does; so the text is made once and put where node:http puts it. The rest is node:http's: framing, the
 * order of answers, keep-alive, what a client is slow to take.
 */
export class PreparedResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  /** The head as it will be sent, null before there is one: in every version of node:http, and read by many. Not documented. */
  declare private _header: string | null;

  /** @returns whether it is sent; if not, somebody has to write it as any answer. Its connection must stay open, and its headers be those of the head. */
  sendPrepared(head: Head, body: Buffer | undefined, { requestId }: { readonly requestId: string }): boolean {
    // Neither a version that keeps its heads elsewhere, nor one that is written.
    if (this._header !== null || !this.shouldKeepAlive) return false;
    this.statusCode = head.status;
    this._header = `${head.beforeId}${requestId}${head.afterId}${endNow()}`;
    this.end(body);
    return true;
  }
}

/** What node:http writes after the headers of an answer whose connection stays, made anew when the clock's second has passed. */
export function createEnd(monotonicMs = () => performance.now(), clock = () => new Date()): () => string {
  let text = '';
  let untilMs = -Infinity;
  return () => {
    const nowMs = monotonicMs();
    if (nowMs < untilMs) return text;
    const now = clock();
    text = `Date: ${now.toUTCString()}\r\n${KEPT_ALIVE}`;
    untilMs = nowMs + 1_000 - now.getMilliseconds();
    return text;
  };
}
