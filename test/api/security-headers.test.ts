import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRaw, upgradeRequest } from '../support/raw-connection.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};
const NOTHING = "default-src 'none'; frame-ancestors 'none'";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const post = (body: string, headers: Record<string, string> = {}) => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json', ...headers },
});

describe('every answer', () => {
  it.each<[what: string, path: string, status: number, init: RequestInit]>([
    ['of delivery', '/v1/prompts/none', 404, {}],
    ['of GraphQL', '/graphql', 200, post('{"query":"{ __typename }"}')],
    ['of GraphQL that is an error', '/graphql', 200, post('{"query":"{ nothing }"}')],
    [
      'that is an event stream',
      '/graphql',
      200,
      post('{"query":"subscription S { channelEvents { __typename } }"}', { accept: 'text/event-stream' }),
    ],
    ['that is a problem', '/graphql', 415, post('x', { 'content-type': 'text/plain' })],
    ['about nothing', '/nowhere', 404, {}],
    ['to a preflight', '/graphql', 204, { method: 'OPTIONS' }],
    ['of the probes', '/livez', 200, {}],
    ['of the metrics', '/metrics', 200, {}],
  ])('%s tells browsers to run nothing, frame nothing, guess nothing', async (_what, path, status, init) => {
    const controller = new AbortController();
    const answer = await fetch(`${server.url}${path}`, {
      ...init,
      signal: controller.signal,
      headers: { authorization: `Bearer ${server.adminKey}`, ...(init.headers as Record<string, string>) },
    });
    expect(answer.status).toBe(status);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      ...HEADERS,
      'content-security-policy': NOTHING,
    });
    expect(answer.headers.get('permissions-policy')).toContain('camera=()');
    expect([...answer.headers.keys()]).not.toContain('server');
    expect([...answer.headers.keys()]).not.toContain('x-powered-by');
    controller.abort();
  });

  it('that refuses a WebSocket as well', async () => {
    const raw = await openRaw(server.url);
    raw.write(upgradeRequest({ Authorization: 'Bearer wrong' }));
    await raw.ended;
    const answer = raw.received().toString();
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    for (const [name, value] of Object.entries(HEADERS)) expect(answer).toContain(`${name}: ${value}\r\n`);
    expect(answer).toContain(`content-security-policy: ${NOTHING}\r\n`);
  });
});

describe("GraphiQL's page and files", () => {
  const policyOf = ({ headers }: Response) =>
    Object.fromEntries(
      (headers.get('content-security-policy') ?? '').split('; ').map((part) => {
        const [name = '', ...values] = part.split(' ');
        return [name, values.join(' ')];
      }),
    );

  it('run scripts of this server only, none inline, none made of text, and are framed by nobody', async () => {
    const page = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(Object.fromEntries(page.headers)).toMatchObject({
      ...HEADERS,
      'cross-origin-opener-policy': 'same-origin',
    });
    const policy = policyOf(page);
    expect(policy).toMatchObject({
      'default-src': "'none'",
      'script-src': "'self'",
      'connect-src': "'self'",
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    });
    const { 'style-src': _inline, ...others } = policy;
    expect(Object.values(others).join(' ')).not.toMatch(/unsafe|\*|https?:/);
    const html = await page.text();
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(html).not.toMatch(/\son[a-z]+=/);
    const [file = ''] = html.match(/\/graphiql\/[\w.-]+\.js/) ?? [];
    const script = await fetch(`${server.url}${file}`);
    expect(script.status).toBe(200);
    expect(Object.fromEntries(script.headers)).toMatchObject({
      ...HEADERS,
      'content-security-policy': "default-src 'none'",
    });
  });
});
