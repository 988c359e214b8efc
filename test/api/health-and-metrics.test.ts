import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt } from './registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'health/secret-slug');
  await server.get('/v1/prompts/health/secret-slug?_version=latest');
});
afterAll(() => server.close());

describe('health', () => {
  it('is alive and ready, in JSON that nobody may keep', async () => {
    const live = await fetch(`${server.url}/livez`);
    expect([live.status, await live.json()]).toEqual([200, { alive: true }]);
    let ready = await fetch(`${server.url}/readyz`);
    let body = (await ready.json()) as { degraded: boolean };
    // The listener connects on its own time; until then the feed polls, and readiness says so.
    for (let tries = 0; body.degraded && tries < 200; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      ready = await fetch(`${server.url}/readyz`);
      body = (await ready.json()) as { degraded: boolean };
    }
    expect([ready.status, body]).toEqual([200, { ready: true, degraded: false, reasons: [] }]);
    for (const response of [live, ready]) expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('takes a query string', async () => {
    expect((await fetch(`${server.url}/readyz?probe=1`)).status).toBe(200);
  });
});

describe('metrics', () => {
  it('count requests by route and status, and carry no slug, no path and no key', async () => {
    await server.get('/v1/prompts/no/such-secret-slug');
    await server.get('/unknown/secret-slug');
    const response = await server.get('/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const text = await response.text();
    expect(text).toMatch(/promptforge_http_requests_total\{route="delivery",status="200"\} [1-9]/);
    expect(text).toMatch(/promptforge_http_requests_total\{route="delivery",status="404"\} [1-9]/);
    expect(text).toMatch(/promptforge_http_requests_total\{route="unknown",status="404"\} [1-9]/);
    expect(text).toMatch(/promptforge_http_request_duration_seconds_count\{route="graphql"\} [1-9]/);
    expect(text).toMatch(/promptforge_serving_snapshot_bytes [1-9]/);
    expect(text).toMatch(/promptforge_serving_snapshot_misses_total [1-9]/);
    expect(text).toMatch(/promptforge_serving_snapshot_loads_total [1-9]/);
    expect(text).toMatch(/promptforge_serving_snapshot_evictions_total 0/);
    expect(text).toMatch(/promptforge_serving_snapshot_absences_bytes [1-9]/);
    expect(text).toMatch(/promptforge_database_reachable 1/);
    expect(text).not.toMatch(/secret-slug|\/v1\/|pf_live/);
  });

  it('say how much each cache holds, as soon as it holds something', async () => {
    const sizes = async () => {
      const text = await (await server.get('/metrics')).text();
      const lines = text.matchAll(/^promptforge_cache_bytes\{cache="(\w+)"\} (\d+)$/gm);
      return new Map([...lines].map(([, cache = '', bytes]) => [cache, Number(bytes)]));
    };
    const before = await sizes();
    const query = '{ prompt(slug: "health/secret-slug") { version(channel: "latest") { template } } }';
    const sha256Hash = createHash('sha256').update(query).digest('hex');
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    const registering = new URLSearchParams({ query, extensions: JSON.stringify(extensions) });
    await server.get(`/graphql?${registering.toString()}`, { accept: 'application/json' });
    (await server.execute(query)).data();
    await server.get('/v1/prompts/health/secret-slug?_version=1');
    const after = await sizes();
    const grown = [...after].filter(([cache, bytes]) => bytes > (before.get(cache) ?? Number.NaN));
    expect(grown.map(([cache]) => cache)).toEqual([
      'rest_answers',
      'graph_answers',
      'graph_plans',
      'parsed_documents',
      'registered_documents',
    ]);
    // Nobody subscribes.
    expect(after.get('promoted_versions')).toBe(0);
  });

  it('need a key and a GET', async () => {
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
    const post = await fetch(`${server.url}/metrics`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}` },
    });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET']);
  });
});
