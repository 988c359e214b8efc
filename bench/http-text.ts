import type { RawAnswer } from './load-client.ts';

/** Node writes these itself, in every server. */
const OWN_HEADERS = /^(date|connection|keep-alive|transfer-encoding)$/i;

/** A request as it goes over the wire. `target`: method and path. */
export function requestText(target: string, headers: Record<string, string>, body: string): string {
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries({ host: '127.0.0.1', ...headers, ...length }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return [`${target} HTTP/1.1`, ...lines, '', body].join('\r\n');
}

/** An operation of the graph by POST. */
export function postText(key: string, body: object, accept = 'application/json'): string {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept };
  return requestText('POST /graphql', headers, JSON.stringify(body));
}

export function headersOf({ head }: RawAnswer): [string, string][] {
  const lines = head.trimEnd().split('\r\n').slice(1);
  const headers = lines.map((line): [string, string] => [
    line.slice(0, line.indexOf(':')),
    line.slice(line.indexOf(':') + 2),
  ]);
  return headers.filter(([name]) => !OWN_HEADERS.test(name));
}

/** The body itself: an answer of one chunk loses its chunk's frame. */
export function bodyOf({ head, body }: RawAnswer): Buffer {
  if (!/^transfer-encoding: *chunked/im.test(head)) return body;
  const start = body.indexOf('\r\n') + 2;
  return body.subarray(start, start + Number.parseInt(body.toString('latin1'), 16));
}
