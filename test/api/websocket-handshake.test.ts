import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientFrame, closeCodeIn, openRaw, upgradeRequest } from '../support/raw-connection.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openSocket } from '../support/socket.ts';
import { nothingIsLeft } from '../support/streams.ts';

const APP = 'https://app.example.com';
const WRONG_KEY = `pf_live_${'x'.repeat(43)}`;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ config: { corsOrigins: [APP] } });
});
afterAll(() => server.close());

const authorization = () => `Bearer ${server.adminKey}`;
const init = { type: 'connection_init' };
const ack = { type: 'connection_ack' };

describe('the upgrade to a WebSocket', () => {
  it('takes graphql-transport-ws, also as one of several subprotocols', async () => {
    const socket = await openSocket(server.url, {
      key: server.adminKey,
      protocols: ['something-else', 'graphql-transport-ws'],
    });
    socket.send(init);
    expect(await socket.next()).toEqual(ack);
  });

  it('takes a query string at its path', async () => {
    const socket = await openSocket(server.url, { key: server.adminKey, path: '/graphql?from=here' });
    socket.send(init);
    expect(await socket.next()).toEqual(ack);
  });

  it.each([
    ['without a subprotocol', null],
    ['with the subprotocol of the older protocol', 'graphql-ws'],
  ])('%s is closed with 4406', async (_what, protocol) => {
    const raw = await openRaw(server.url);
    raw.write(upgradeRequest({ Authorization: authorization(), 'Sec-WebSocket-Protocol': protocol }));
    await raw.waitFor('Subprotocol not acceptable');
    expect(closeCodeIn(raw.received())).toBe(4406);
    // A close that is answered, as RFC 6455 wants it.
    raw.write(clientFrame(8, Buffer.from([0x11, 0x36])));
    await raw.ended;
    await nothingIsLeft(server);
  });

  it('at another path is answered with 404', async () => {
    await expect(openSocket(server.url, { path: '/socket', key: server.adminKey })).rejects.toThrow('404');
  });

  it('with a wrong or a malformed key is answered with 401 before 101', async () => {
    await expect(openSocket(server.url, { key: WRONG_KEY })).rejects.toThrow('refused with 401');
    await expect(openSocket(server.url, { headers: { authorization: 'Basic eDp5' } })).rejects.toThrow('401');
    const raw = await openRaw(server.url);
    raw.write(upgradeRequest({ Authorization: `Bearer ${WRONG_KEY}` }));
    await raw.waitFor('valid API key');
    const answer = raw.received().toString();
    expect(answer).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    expect(answer).toMatch(/^www-authenticate: Bearer realm="promptforge"\r$/m);
    expect(answer).toMatch(/^content-type: application\/problem\+json/m);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({
      status: 401,
      code: 'UNAUTHENTICATED',
    });
  });

  it('that was refused leaves no connection, though the client keeps its side open', async () => {
    const raw = await openRaw(server.url);
    raw.write(upgradeRequest({ Authorization: `Bearer ${WRONG_KEY}` }));
    await raw.ended;
    await expect(raw.gone()).resolves.toBeUndefined();
  });

  it.each(['http://evil.example.com', 'null', 'not a url', `${APP}:8443`])(
    'from a page of %s is answered with 403',
    async (origin) => {
      const refused = openSocket(server.url, { key: server.adminKey, headers: { origin } });
      await expect(refused).rejects.toThrow('refused with 403');
    },
  );

  it('from a page of this server, of CORS_ORIGINS, or from a program is taken', async () => {
    for (const headers of [{ origin: server.url }, { origin: APP }, {}] as Record<string, string>[]) {
      const socket = await openSocket(server.url, { key: server.adminKey, headers });
      socket.send(init);
      expect(await socket.next()).toEqual(ack);
    }
  });

  it('to something else than a WebSocket is not made: the request is answered as if it had not asked', async () => {
    // As java.net.http and curl --http2 ask, with every first request.
    const raw = await openRaw(server.url);
    const body = '{"query":"{ __typename }"}';
    const head = (method: string, path: string) =>
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n` +
      `HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nAuthorization: ${authorization()}\r\n`;
    raw.write(`${head('GET', '/livez')}\r\n`);
    await raw.waitFor('{"alive":true}');
    raw.write(
      `${head('POST', '/graphql')}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    raw.write(body);
    await raw.waitFor('{"data":{"__typename":"Query"}}');
    expect(raw.received().toString()).not.toContain('HTTP/1.1 101');
  });

  it.each([
    ['400 without a key of the handshake', { 'Sec-WebSocket-Key': null }],
    ['400 with another version of the protocol', { 'Sec-WebSocket-Version': '7' }],
  ])('is answered with %s', async (what, headers) => {
    const raw = await openRaw(server.url);
    raw.write(upgradeRequest({ Authorization: authorization(), ...headers }));
    await raw.ended;
    expect(raw.received().toString()).toContain(`HTTP/1.1 ${what.slice(0, 3)}`);
  });
});

describe('connection_init', () => {
  it('may say who it is, for browsers, which cannot set headers', async () => {
    const socket = await openSocket(server.url);
    socket.send({ ...init, payload: { authorization: authorization() } });
    expect(await socket.next()).toEqual(ack);
    socket.send({ type: 'subscribe', id: '1', payload: { query: '{ viewer { role } }' } });
    expect(await socket.next()).toMatchObject({
      type: 'next',
      payload: { data: { viewer: { role: 'ADMIN' } } },
    });
  });

  it.each([
    ['no key at all', undefined],
    ['a wrong key', { authorization: `Bearer ${WRONG_KEY}` }],
    ['a key without its scheme', { authorization: WRONG_KEY }],
    ['a number for a key', { authorization: 5 }],
  ])('with %s is closed with 4403', async (_what, payload) => {
    const socket = await openSocket(server.url);
    socket.send({ ...init, ...(payload === undefined ? {} : { payload }) });
    expect(await socket.closed).toMatchObject({ code: 4403 });
  });

  it('with a wrong key is closed with 4403, also when the upgrade had a right one', async () => {
    const socket = await openSocket(server.url, { key: server.adminKey });
    socket.send({ ...init, payload: { authorization: `Bearer ${WRONG_KEY}` } });
    expect(await socket.closed).toMatchObject({ code: 4403 });
  });

  it('with another key than at the upgrade stands for that key', async () => {
    const { key } = await server.createKey('VIEWER');
    const socket = await openSocket(server.url, { key: server.adminKey });
    socket.send({ ...init, payload: { authorization: `Bearer ${key}` } });
    expect(await socket.next()).toEqual(ack);
    socket.send({ type: 'subscribe', id: '1', payload: { query: '{ viewer { role } }' } });
    expect(await socket.next()).toMatchObject({ payload: { data: { viewer: { role: 'VIEWER' } } } });
  });

  it('a second time is closed with 4429, before and after the acknowledgement', async () => {
    const socket = await openSocket(server.url, { key: server.adminKey });
    socket.send(init);
    expect(await socket.next()).toEqual(ack);
    socket.send(init);
    expect(await socket.closed).toEqual({ code: 4429, reason: 'Too many initialisation requests' });
    const hasty = await openSocket(server.url, { key: server.adminKey });
    hasty.send(init);
    hasty.send(init);
    expect(await hasty.closed).toMatchObject({ code: 4429 });
  });

  it('that does not come in time is closed with 4408', async () => {
    const hasty = await startTestServer({ times: { connectionInitMs: 50 } });
    try {
      const socket = await openSocket(hasty.url, { key: hasty.adminKey });
      expect(await socket.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
      await nothingIsLeft(hasty);
    } finally {
      await hasty.close();
    }
  });

  it('has to be acknowledged before anything is subscribed to: 4401', async () => {
    const subscribe = { type: 'subscribe', id: '1', payload: { query: '{ __typename }' } };
    const first = await openSocket(server.url, { key: server.adminKey });
    first.send(subscribe);
    expect(await first.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
  });
});
