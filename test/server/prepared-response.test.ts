import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openingOf } from '../../src/server/exchange.ts';
import type { Exchange } from '../../src/server/exchange.ts';
import { headOf } from '../../src/server/head.ts';
import { LastSaid } from '../../src/server/last-said.ts';
import { createEnd, KEEP_ALIVE_MS, PreparedResponse } from '../../src/server/prepared-response.ts';

const BODY = Buffer.from('{"ü": 1}');
const WHOLE = headOf(200, ['content-type', 'application/json', 'content-length', String(BODY.length)]);
const UNCHANGED = headOf(304, ['etag', '"e"']);

let server: Server<typeof IncomingMessage, typeof PreparedResponse>;
/** What `sendPrepared` returned, by path. */
let sent: [path: string, isSent: boolean][];

/** Answers /plain... in the way of any answer, and everything else, if it can be, by the prepared head. */
function answer(req: IncomingMessage, res: PreparedResponse): void {
  const path = req.url ?? '';
  const head = path.endsWith('304') ? UNCHANGED : WHOLE;
  const body = path.endsWith('304') ? undefined : BODY;
  const exchange: Exchange = {
    req,
    res,
    path,
    route: 'unknown',
    requestId: '0-1',
    said: new LastSaid(),
    atMs: performance.now(),
    own: [],
    vary: null,
  };
  if (!path.startsWith('/plain')) {
    const isSent = res.sendPrepared(head, body, exchange);
    sent.push([path, isSent]);
    if (isSent) return;
  }
  res.writeHead(head.status, openingOf(exchange, head.headers));
  res.end(body);
}

beforeEach(async () => {
  sent = [];
  server = createServer({ ServerResponse: PreparedResponse, keepAliveTimeout: KEEP_ALIVE_MS }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** All that comes on one connection for these requests, the last of which closes it; dates as "now". */
async function exchanged(...requests: string[]): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(requests.join(''));
  return (await text(socket)).replaceAll(/Date: .* GMT/g, 'Date: now');
}

const get = (path: string, ...headers: string[]) =>
  ['GET ' + path + ' HTTP/1.1', 'Host: here', ...headers, '', ''].join('\r\n');
const last = get('/plain', 'Connection: close');

describe('a prepared answer', () => {
  it.each(['', '304'])('has the very bytes of any other: %s', async (status) => {
    const prepared = await exchanged(get(`/prepared${status}`), last);
    expect(prepared).toBe(await exchanged(get(`/plain${status}`), last));
    expect(prepared).toContain('\r\nx-request-id: 0-1\r\n');
    expect(sent).toEqual([[`/prepared${status}`, true]]);
  });

  it('leaves the connection open, and keeps its place among answers', async () => {
    const paths = ['/prepared', '/plain304', '/prepared304', '/prepared', '/plain'];
    const all = await exchanged(...paths.map((path) => get(path)), last);
    const statuses = [...all.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
    expect(statuses).toEqual(['200', '304', '304', '200', '200', '200']);
    expect(sent.map(([, isSent]) => isSent)).toEqual([true, true, true]);
  });

  it('is not for a connection that ends with it', async () => {
    const all = await exchanged(get('/prepared', 'Connection: close'));
    expect(all).toContain('Connection: close\r\n\r\n{"ü": 1}');
    const old = await exchanged('GET /prepared HTTP/1.0\r\n\r\n');
    expect(old).toContain('\r\n\r\n{"ü": 1}');
    expect(sent).toEqual([
      ['/prepared', false],
      ['/prepared', false],
    ]);
  });

  it('has the date of the second in which it is sent', () => {
    let nowMs = 5_000;
    const began = Date.UTC(2026, 10, 28, 12, 0, 0, 400);
    const end = createEnd(
      () => nowMs,
      () => new Date(began + nowMs - 5_000),
    );
    const seconds = [0, 599, 600, 1_599, 1_600, 60_000].map((afterMs) => {
      nowMs = 5_000 + afterMs;
      return /12:\d\d:\d\d GMT/.exec(end())?.[0];
    });
    expect(seconds).toEqual(
      ['12:00:00', '12:00:00', '12:00:01', '12:00:01', '12:00:02', '12:01:00'].map((time) => `${time} GMT`),
    );
  });

  it('has a head of headers only', () => {
    expect(() => headOf(200, ['etag', 'a\r\nset-cookie: b'])).toThrow(TypeError);
    expect(() => headOf(200, ['e tag', 'a'])).toThrow(TypeError);
  });
});
