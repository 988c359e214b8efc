import type { IncomingMessage, ServerResponse } from 'node:http';
import { ID_AT, OPENING } from './head.ts';
import type { LastSaid } from './last-said.ts';
import type { PreparedResponse } from './prepared-response.ts';
import type { Route } from './route.ts';

/** A request, and what is known of its answer before anybody has looked into it. Headers are flat: name, value, name, value. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: PreparedResponse;
  readonly path: string;
  readonly route: Route;
  readonly requestId: string;
  /** Of its connection. */
  readonly said: LastSaid;
  /** When its head was there, as `performance.now` has it. */
  readonly atMs: number;
  /** Of this answer beside what every answer says: that its connection ends, who may read it. */
  readonly own: readonly string[];
  /** What the answer depends on because of who may read it; null: nothing. */
  readonly vary: string | null;
}

/** A header array of this exchange. @param headers begins with OPENING */
export function openingOf({ requestId, own }: Exchange, headers: readonly string[]): string[] {
  const opened = headers.slice();
  opened[ID_AT] = requestId;
  if (own.length > 0) opened.push(...own);
  return opened;
}

/** For whoever writes an answer that is not known as a whole. Twice is once. */
export function setOpening(exchange: Exchange): void {
  const { res, vary } = exchange;
  setHeaders(res, openingOf(exchange, OPENING));
  if (vary !== null) res.setHeader('vary', vary);
}

/** @param headers flat */
export function setHeaders(res: ServerResponse, headers: readonly string[]): void {
  for (let at = 0; at < headers.length; at += 2) res.setHeader(headers[at] ?? '', headers[at + 1] ?? '');
}
