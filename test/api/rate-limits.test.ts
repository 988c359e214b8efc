import { WebSocket } from 'ws';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged, openSocket } from '../support/socket.ts';

/** The whole allowance of a window of 10 s. */
const BURST = 10;
const WRONG_KEY = `pf_${'A'.repeat(43)}`;
const SLUG = 'rate/limited';

async function start(
  config: NonNullable<Parameters<typeof startTestServer>[0]>['config'],
): Promise<TestServer> {
  const server = await startTestServer({ config: { ...config } });
  onTestFinished(() => server.close());
  return server;
}

/** One after the other, so that what is refused is what came last. */
async function statuses(count: number, ask: () => Promise<{ readonly status: number }>): Promise<number[]> {
  const seen: number[] = [];
  for (let asked = 0; asked < count; asked += 1) seen.push((await ask()).status);
  return seen;
}

const graphql = (server: TestServer, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: '{"query":"{ viewer { role } }"}',
  });

/** The answer to a wish for a WebSocket, which is never taken here. */
async function upgradeAnswer(server: TestServer, headers: Record<string, string>) {
  const webSocket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], {
    headers,
  });
  return new Promise<{ status: number | undefined; retryAfter: string | undefined }>((resolve, reject) => {
    webSocket.on('open', () => reject(new Error('it was taken')));
    webSocket.on('error', () => undefined);
    webSocket.on(
      'unexpected-response',
      (_request, { statusCode, headers: { 'retry-after': retryAfter } }) => {
        resolve({ status: statusCode, retryAfter });
        webSocket.terminate();
      },
    );
  });
}

describe('the limit of a key', () => {
  it('is one for REST, GraphQL, event streams and upgrades, and another key is not concerned', async () => {
    const server = await start({ rateLimits: { key: BURST / 10, address: 0 } });
    const other = await server.createKey('VIEWER');
    const asked = [
      () => server.get(`/v1/prompts/${SLUG}`),
      () => graphql(server),
      () => server.get('/v1/channels/none/events', { accept: 'text/event-stream' }),
      async () => {
        const socket = await openSocket(server.url, { key: server.adminKey });
        socket.terminate();
        return { status: 101 };
      },
    ];
    for (const ask of asked) await ask();
    expect(await statuses(BURST - asked.length + 1, () => graphql(server))).toEqual([
      ...Array.from({ length: BURST - asked.length }, () => 200),
      429,
    ]);
    for (const ask of asked.slice(0, 3)) expect((await ask()).status).toBe(429);
    expect(await upgradeAnswer(server, { authorization: `Bearer ${server.adminKey}` })).toMatchObject({
      status: 429,
    });
    expect((await graphql(server, { authorization: `Bearer ${other.key}` })).status).toBe(200);
  });

  it('answers a problem that says when to come back', async () => {
    const server = await start({ rateLimits: { key: BURST / 10, address: 0 } });
    await statuses(BURST, () => graphql(server));
    const answer = await graphql(server);
    const seconds = Number(answer.headers.get('retry-after'));
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(await answer.json()).toMatchObject({
      status: 429,
      code: 'RATE_LIMITED',
      title: 'Too Many Requests',
    });
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(10);
    expect(server.logged).toContainEqual(
      expect.objectContaining({ level: 40, by: 'key', msg: 'requests are refused: too many' }),
    );
  });

  it('answers an operation over WebSocket with RATE_LIMITED, and the connection goes on', async () => {
    const server = await start({ rateLimits: { key: BURST / 10, address: 0 } });
    const socket = await openAcknowledged(server.url, server.adminKey);
    await statuses(BURST - 1, () => graphql(server));
    socket.send({ id: 'q', type: 'subscribe', payload: { query: '{ viewer { role } }' } });
    const refused = await socket.next();
    expect(refused).toMatchObject({
      id: 'q',
      type: 'error',
      payload: [{ extensions: { code: 'RATE_LIMITED' } }],
    });
    await socket.expectNothing();
  });
});

describe('the limit of an address', () => {
  it('holds whatever the key, also for what needs none, but never for the probes', async () => {
    const server = await start({ rateLimits: { key: 0, address: BURST / 10 } });
    const other = await server.createKey('VIEWER');
    expect(await statuses(BURST, () => graphql(server))).not.toContain(429);
    expect((await graphql(server, { authorization: `Bearer ${other.key}` })).status).toBe(429);
    expect((await server.get('/graphql', { accept: 'text/html' })).status).toBe(429);
    expect((await server.get('/nowhere')).status).toBe(429);
    expect(await upgradeAnswer(server, {})).toMatchObject({ status: 429, retryAfter: expect.any(String) });
    expect((await server.get('/livez')).status).toBe(200);
    expect((await server.get('/readyz')).status).toBe(200);
  });

  it('is of the client that a trusted proxy names', async () => {
    const server = await start({
      rateLimits: { key: 0, address: BURST / 10 },
      trustedProxies: ['127.0.0.0/8'],
    });
    const from = (address: string) => () => graphql(server, { 'x-forwarded-for': address });
    expect(await statuses(BURST, from('203.0.113.9'))).not.toContain(429);
    expect((await from('203.0.113.9')()).status).toBe(429);
    expect((await from('203.0.113.10')()).status).toBe(200);
    expect(await statuses(BURST, from('2001:db8::1'))).not.toContain(429);
    expect((await from('2001:db8::ffff')()).status).toBe(429);
  });

  it('is the peer as long as nobody is trusted, and the log says what may be wrong', async () => {
    const server = await start({ rateLimits: { key: 0, address: BURST / 10 } });
    for (let client = 0; client <= BURST; client += 1)
      await graphql(server, { 'x-forwarded-for': `203.0.113.${client}` });
    expect((await graphql(server, { 'x-forwarded-for': '203.0.113.99' })).status).toBe(429);
    expect(server.logged).toContainEqual(
      expect.objectContaining({
        by: 'address',
        name: '127.0.0.1',
        hint: expect.stringContaining('TRUSTED_PROXIES'),
      }),
    );
  });

  it('lets pages of allowed origins read that they were refused', async () => {
    const origin = 'https://app.example.com';
    const server = await start({ rateLimits: { key: 0, address: BURST / 10 }, corsOrigins: [origin] });
    await statuses(BURST, () => graphql(server));
    const answer = await graphql(server, { origin });
    expect(answer.status).toBe(429);
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    expect(answer.headers.get('access-control-expose-headers')).toContain('retry-after');
  });
});

describe('who guesses keys', () => {
  const guess = (server: TestServer, key = WRONG_KEY) => graphql(server, { authorization: `Bearer ${key}` });

  it('gets 60 guesses, then the database is not asked any more; a key that was right before still is', async () => {
    const server = await start({ rateLimits: { key: 0, address: 1_000 } });
    const fresh = await server.createKey('VIEWER');
    expect((await graphql(server)).status).toBe(200);
    // Of the right form: only the database can tell that it is wrong.
    const { id, key } = await server.createKey('VIEWER');
    await server.revokeKey(id);
    expect(await statuses(61, () => guess(server, key))).toEqual([
      ...Array.from({ length: 60 }, () => 401),
      429,
    ]);
    const asked = () => server.statements.filter((sql) => sql.includes('api_key')).length;
    expect(asked()).toBeGreaterThanOrEqual(60);
    server.statements.length = 0;
    expect(await statuses(5, () => guess(server, key))).toEqual(Array.from({ length: 5 }, () => 429));
    expect(asked()).toBe(0);
    // It cannot be told from a guess, and must wait.
    expect((await graphql(server, { authorization: `Bearer ${fresh.key}` })).status).toBe(429);
    expect((await graphql(server)).status).toBe(200);
  });

  it('gets no more of them by upgrade or connection_init: 429, and closed with 4429', async () => {
    const server = await start({ rateLimits: { key: 0, address: 1_000 } });
    await statuses(59, () => guess(server));
    const first = await openSocket(server.url);
    first.send({ type: 'connection_init', payload: { authorization: `Bearer ${WRONG_KEY}` } });
    expect(await first.closed).toMatchObject({ code: 4403 });
    const second = await openSocket(server.url);
    second.send({ type: 'connection_init', payload: { authorization: `Bearer ${WRONG_KEY}` } });
    expect(await second.closed).toEqual({ code: 4429, reason: 'too many requests: try again later' });
    expect(await upgradeAnswer(server, { authorization: `Bearer ${WRONG_KEY}` })).toMatchObject({
      status: 429,
    });
  });

  it('is no one who sends no key at all', async () => {
    const server = await start({ rateLimits: { key: 0, address: 1_000 } });
    const anonymous = () => fetch(`${server.url}/v1/prompts/${SLUG}`);
    expect(new Set(await statuses(70, anonymous))).toEqual(new Set([401]));
    expect((await graphql(server)).status).toBe(200);
  });
});

describe('limits of 0', () => {
  it('are none', async () => {
    const server = await start({ rateLimits: { key: 0, address: 0 } });
    expect(await statuses(70, () => graphql(server, { authorization: `Bearer ${WRONG_KEY}` }))).not.toContain(
      429,
    );
    expect(await statuses(50, () => graphql(server))).not.toContain(429);
  });
});
