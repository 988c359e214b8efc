import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt } from './registry.ts';

const APP = 'https://app.example.com';
/** Answered from memory: after the first time, by an answer that was kept of whoever asked before. */
const HOT = '{ prompt(slug: "cors/one") { version(channel: "latest") { number } } }';
const PATHS = [
  '/graphql',
  `/graphql?query=${encodeURIComponent(HOT)}`,
  '/v1/prompts/cors/one?_version=latest',
];

let open: TestServer;
let closed: TestServer;
beforeAll(async () => {
  open = await startTestServer({ config: { corsOrigins: [APP, 'http://localhost:5173'] } });
  closed = await startTestServer();
  await createPrompt(open, 'cors/one');
});
afterAll(() => Promise.all([open.close(), closed.close()]));

function call(server: TestServer, path: string, origin: string | null, method = 'GET'): Promise<Response> {
  const query = path === '/graphql' ? '?query=%7B__typename%7D' : '';
  const headers = {
    authorization: `Bearer ${server.adminKey}`,
    accept: 'application/json',
    ...(origin === null ? {} : { origin }),
  };
  return fetch(`${server.url}${path}${query}`, { method, headers });
}

function preflight(server: TestServer, path: string, origin: string): Promise<Response> {
  const headers = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
  };
  return fetch(`${server.url}${path}`, { method: 'OPTIONS', headers });
}

const varyOf = (response: Response) =>
  (response.headers.get('vary') ?? '').split(/, */).map((name) => name.toLowerCase());

describe.each(PATHS)('a browser that calls %s', (path) => {
  it.each([APP, 'http://localhost:5173'])(
    'from the allowed origin %s may read the answer and our headers, without cookies',
    async (origin) => {
      const response = await call(open, path, origin);
      expect(response.status).toBe(200);
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
      expect(response.headers.get('access-control-allow-credentials')).toBeNull();
      const exposed = response.headers.get('access-control-expose-headers') ?? '';
      for (const name of ['etag', 'x-request-id', 'x-promptforge-version', 'x-promptforge-cursor'])
        expect(exposed).toContain(name);
    },
  );

  it.each([
    'https://evil.example',
    `${APP}.evil.example`,
    `${APP}:444`,
    APP.replace('https', 'http'),
    APP.toUpperCase(),
    'null',
    '*',
    '',
  ])('from another origin, %j, may not', async (origin) => {
    const [answer, asked] = [await call(open, path, origin), await preflight(open, path, origin)];
    for (const { headers } of [answer, asked]) {
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('access-control-allow-headers')).toBeNull();
    }
  });

  it('is told to cache by origin, with and without one: other Vary names stay', async () => {
    for (const origin of [APP, 'https://evil.example', null])
      expect(varyOf(await call(open, path, origin))).toContain('origin');
    expect(varyOf(await preflight(open, path, APP))).toContain('origin');
    expect(varyOf(await call(closed, path, APP))).not.toContain('origin');
  });

  it('asks first, without a key, and hears what it may send', async () => {
    const response = await preflight(open, path, APP);
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
    expect(response.headers.get('access-control-allow-methods')).toContain('POST');
    const allowed = response.headers.get('access-control-allow-headers') ?? '';
    for (const name of [
      'authorization',
      'content-type',
      'if-none-match',
      'last-event-id',
      'x-promptforge-min-cursor',
    ])
      expect(allowed).toContain(name);
    expect(Number(response.headers.get('access-control-max-age'))).toBeGreaterThan(0);
  });

  it('is told nothing when no origin is configured', async () => {
    for (const response of [await call(closed, path, APP), await preflight(closed, path, APP)]) {
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });
});

describe('delivery with CORS', () => {
  it('varies by Accept, Authorization and Origin, in full answers, 304 and errors alike where they are cached', async () => {
    const path = '/v1/prompts/cors/one?_version=latest';
    const full = await call(open, path, APP);
    const headers = {
      authorization: `Bearer ${open.adminKey}`,
      origin: APP,
      'if-none-match': full.headers.get('etag') ?? '',
    };
    const known = await fetch(`${open.url}${path}`, { headers });
    expect(known.status).toBe(304);
    for (const response of [full, known])
      expect(varyOf(response).toSorted()).toEqual(['accept', 'authorization', 'origin']);
    expect(known.headers.get('access-control-allow-origin')).toBe(APP);
  });

  it('lets a browser read why it was refused', async () => {
    const response = await fetch(`${open.url}/v1/prompts/cors/one`, { headers: { origin: APP } });
    expect(response.status).toBe(401);
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
  });
});
