import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const SLUG = 'csrf/one';
const MUTATION = `mutation M { archivePrompt(input: { slug: "${SLUG}" }) { __typename } }`;
const QUERY = `{ prompt(slug: "${SLUG}") { slug } }`;
const JSON_BODY = JSON.stringify({ query: MUTATION });
const multipart = (name: string, value: string) =>
  `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n--x--\r\n`;

/** All that a page of another origin can send by a form, an image or a fetch without a preflight: these types, or none. */
const SIMPLE: readonly [what: string, type: string | null, body: string][] = [
  ['a form', 'application/x-www-form-urlencoded', new URLSearchParams({ query: MUTATION }).toString()],
  [
    'a form with a charset',
    'application/x-www-form-urlencoded; charset=utf-8',
    `query=${encodeURIComponent(MUTATION)}`,
  ],
  ['a form whose one field is JSON', 'application/x-www-form-urlencoded', JSON_BODY],
  ['a form of plain text', 'text/plain', JSON_BODY],
  ['plain text that names JSON in a parameter', 'text/plain; charset=application/json', JSON_BODY],
  ['plain text that names JSON beside it', 'text/plain;application/json', JSON_BODY],
  ['plain text before JSON', 'text/plain, application/json', JSON_BODY],
  ['a form with a file', 'multipart/form-data; boundary=x', multipart('query', MUTATION)],
  ['a GraphQL upload', 'multipart/form-data; boundary=x', multipart('operations', JSON_BODY)],
  ['a form that names JSON as its boundary', 'multipart/form-data; boundary=application/json', JSON_BODY],
  ['a body of no type', null, JSON_BODY],
  ['a body of an empty type', '', JSON_BODY],
];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const create = `mutation C { createPrompt(input: { slug: "${SLUG}", content: { template: "x" } }) { __typename } }`;
  (await server.execute(create)).data();
});
afterAll(() => server.close());

/** With a key, as if a proxy had added it: nothing else stands between a forged request and the resolvers. */
const send = (method: string, path: string, { type, body }: { type: string | null; body: string | null }) =>
  fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      ...(type === null ? {} : { 'content-type': type }),
    },
    ...(body === null ? {} : { body: Buffer.from(body) }),
  });

/** Reads of prompts, which both documents begin with; the node itself reads none meanwhile. */
const resolved = () => server.statements.filter((sql) => sql.includes('"prompt"'));

describe('a request that a browser sends for a page of another origin without asking', () => {
  beforeEach(() => {
    server.statements.length = 0;
  });

  it('is refused before any resolver runs, while the same as JSON is not', async () => {
    const asked = await send('POST', '/graphql', {
      type: 'application/json',
      body: JSON.stringify({ query: QUERY }),
    });
    expect(await asked.json()).toEqual({ data: { prompt: { slug: SLUG } } });
    expect(resolved().length).toBeGreaterThan(0);
  });

  it.each(SIMPLE)('%s is 415', async (_what, type, body) => {
    const answer = await send('POST', '/graphql', { type, body });
    expect(answer.status).toBe(415);
    expect(await answer.json()).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
    expect(resolved()).toEqual([]);
  });

  it.each(SIMPLE)('%s with the operation in the address as well is 415', async (_what, type, body) => {
    const answer = await send('POST', `/graphql?${new URLSearchParams({ query: MUTATION })}`, { type, body });
    expect(answer.status).toBe(415);
    expect(resolved()).toEqual([]);
  });

  it.each([
    ['GET', MUTATION],
    ['HEAD', MUTATION],
    ['GET', `query Q { __typename } ${MUTATION}`],
  ])('a mutation by %s changes nothing: %s', async (method, query) => {
    const path = `/graphql?${new URLSearchParams({ query, operationName: 'M' })}`;
    const answer = await send(method, path, { type: null, body: null });
    expect(answer.status).toBe(405);
    expect(resolved()).toEqual([]);
  });

  it('a subscription or a query by an image has no key, which stands in a header, and is 401', async () => {
    for (const query of [QUERY, MUTATION, 'subscription S { channelEvents { __typename } }']) {
      const image = await fetch(`${server.url}/graphql?${new URLSearchParams({ query })}`, {
        headers: { accept: 'image/avif,image/webp,*/*', cookie: `authorization=Bearer ${server.adminKey}` },
      });
      expect(image.status).toBe(401);
    }
    expect(resolved()).toEqual([]);
  });

  it('a key in the address or in a form is none', async () => {
    const key = server.adminKey;
    const asked = [
      `key=${key}`,
      `access_token=${key}`,
      `authorization=Bearer%20${key}`,
      `api_key=${key}`,
    ].map((search) => fetch(`${server.url}/graphql?${search}&${new URLSearchParams({ query: QUERY })}`));
    for (const answer of await Promise.all(asked)) expect(answer.status).toBe(401);
  });
});
