import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';

const HIDDEN = [
  ['the query of every tool', getIntrospectionQuery()],
  ['__schema', '{ __schema { queryType { name } } }'],
  ['__type', '{ __type(name: "Prompt") { name } }'],
  ['__schema under an alias', '{ innocent: __schema { queryType { name } } }'],
  ['__type in a fragment', '{ ...F } fragment F on Query { __type(name: "Prompt") { name } }'],
  ['__schema in an inline fragment', '{ ... on Query { ... { __schema { queryType { name } } } } }'],
  ['__schema that is not included', '{ __typename __schema @include(if: false) { queryType { name } } }'],
  ['__schema in a mutation', 'mutation M { __schema { queryType { name } } }'],
  [
    '__schema in a fragment that is not used',
    '{ __typename } fragment F on Query { __schema { description } }',
  ],
] as const;

const TYPOS = [
  ['a field', '{ viewerr { role } }', {}],
  ['a type', '{ node(id: "x") { ... on Promptt { slug } } }', {}],
  ['an argument', '{ prompts(firstt: 1) { totalCount } }', {}],
  [
    'a value of an enum',
    '{ prompt(slug: "x") { usage(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", step: DAYY) { __typename } } }',
    {},
  ],
  [
    'a value of an enum in a variable',
    'query Q($s: UsageStep!) { prompt(slug: "x") { usage(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", step: $s) { __typename } } }',
    { s: 'DAYY' },
  ],
] as const;

let closed: TestServer;
let open: TestServer;
beforeAll(async () => {
  closed = await startTestServer({
    config: { graphql: { introspection: false, graphiql: false, suggestions: false } },
  });
  open = await startTestServer();
});
afterAll(() => Promise.all([closed.close(), open.close()]));

const sse = async (server: TestServer, query: string) => {
  const answer = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
    },
    body: JSON.stringify({ query }),
  });
  return answer.text();
};

describe('with INTROSPECTION=false', () => {
  it.each(HIDDEN)(
    '%s is refused over HTTP, event stream and WebSocket, before anything is executed',
    async (_what, query) => {
      const code = 'INTROSPECTION_DISABLED';
      const answer = await closed.execute(query);
      expect(answer.errors()).toMatchObject([{ extensions: { code } }]);
      expect(() => answer.data()).toThrow('no clean data');
      expect(await sse(closed, query)).toContain(code);
      const socket = await openAcknowledged(closed.url, closed.adminKey);
      socket.send({ id: 'i', type: 'subscribe', payload: { query } });
      expect(await socket.next()).toMatchObject({
        id: 'i',
        type: 'error',
        payload: [{ extensions: { code } }],
      });
    },
  );

  it('__typename works, and so does a string that only looks like it', async () => {
    const query = '{ __typename viewer { __typename } prompt(slug: "__schema") { id } }';
    expect((await closed.execute(query)).data()).toEqual({
      __typename: 'Query',
      viewer: { __typename: 'Viewer' },
      prompt: null,
    });
  });

  it('is a switch: another server answers', async () => {
    expect((await open.execute('{ __schema { queryType { name } } }')).data()).toEqual({
      __schema: { queryType: { name: 'Query' } },
    });
  });
});

describe('with GRAPHIQL=false', () => {
  it('a browser gets no page, no file, and no other answer than any client without a key', async () => {
    const page = await fetch(`${closed.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(401);
    expect(page.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    const html = await (await fetch(`${open.url}/graphql`, { headers: { accept: 'text/html' } })).text();
    const files = html.match(/\/graphiql\/[\w.-]+/g) ?? [];
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect((await fetch(`${closed.url}${file}`)).status).toBe(404);
  });
});

describe('with suggestions off', () => {
  it.each(TYPOS)(
    'a mistyped name of %s is told, the right one is not, over HTTP and WebSocket',
    async (_what, query, variables) => {
      const suggested = (await open.execute(query, variables)).errors();
      expect(suggested[0]?.message).toMatch(/Did you mean/);
      const answer = await closed.execute(query, variables);
      expect(answer.errors().length).toBeGreaterThan(0);
      expect(JSON.stringify(answer.errors())).not.toMatch(/did you mean/i);
      const socket = await openAcknowledged(closed.url, closed.adminKey);
      socket.send({ id: 't', type: 'subscribe', payload: { query, variables } });
      const told = await socket.next();
      expect(told).toMatchObject({ type: 'error' });
      expect(JSON.stringify(told)).not.toMatch(/did you mean/i);
    },
  );
});
