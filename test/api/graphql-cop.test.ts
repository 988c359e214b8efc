import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

/** The thirteen checks of graphql-cop by their names, on a server as it stands on the internet: what is sent, what is answered and why. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    config: { graphql: { introspection: false, graphiql: false, suggestions: false } },
  });
});
afterAll(() => server.close());

interface Seen {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
  readonly data: unknown;
}

const headers = () => ({ authorization: `Bearer ${server.adminKey}`, accept: 'application/json' });

async function seen(answer: Response): Promise<Seen> {
  const text = await answer.text();
  const body = (text.startsWith('{') ? JSON.parse(text) : {}) as {
    code?: string;
    data?: unknown;
    errors?: readonly { extensions?: { code?: string } }[];
  };
  return {
    status: answer.status,
    code: body.code ?? body.errors?.[0]?.extensions?.code,
    text,
    data: body.data,
  };
}

const post = async (body: unknown, more: Record<string, string> = {}) =>
  seen(
    await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { ...headers(), 'content-type': 'application/json', ...more },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  );
const get = async (query: string, more: Record<string, string> = {}) =>
  seen(
    await fetch(`${server.url}/graphql?${new URLSearchParams({ query })}`, {
      headers: { ...headers(), ...more },
    }),
  );
const repeated = (count: number, piece: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => piece(index)).join(' ');

describe('graphql-cop', () => {
  it('alias overloading: 101 aliases of one field are over the limit', async () => {
    const answer = await post({ query: `{ ${repeated(101, (index) => `alias${index}: __typename`)} }` });
    expect(answer).toMatchObject({ code: 'QUERY_LIMIT', data: undefined });
  });

  it('batch queries: a list of ten operations is no request', async () => {
    const answer = await post(Array.from({ length: 10 }, () => ({ query: 'query { __typename }' })));
    expect(answer).toMatchObject({ status: 400, code: 'BAD_REQUEST', data: undefined });
    expect(answer.text).not.toContain('"Query"');
  });

  it('tracing: no answer carries timings, asked for or not', async () => {
    const answer = await post(
      { query: '{ __typename }', extensions: { tracing: true } },
      { 'x-apollo-tracing': '1' },
    );
    expect(answer.data).toEqual({ __typename: 'Query' });
    expect(answer.text).not.toMatch(/tracing|startTime|duration/);
  });

  it('directive overloading: ten unknown directives are refused by name, few of them told; more than twenty by the limit', async () => {
    const few = await post({ query: `{ __typename ${'@aa'.repeat(10)} }` });
    expect(few).toMatchObject({ code: 'GRAPHQL_VALIDATION_FAILED', data: undefined });
    expect(few.text.match(/Unknown directive/g)?.length).toBeLessThanOrEqual(5);
    const many = await post({ query: `{ __typename ${'@aa '.repeat(500)} }` });
    expect(many).toMatchObject({ code: 'QUERY_LIMIT', data: undefined });
  });

  it('circular introspection: nothing of it is executed, whether introspection is on or off', async () => {
    const query = `{ __schema { types { ${'fields { type { '.repeat(4)} name ${'} } '.repeat(4)} } } }`;
    expect(await post({ query })).toMatchObject({ code: 'INTROSPECTION_DISABLED', data: undefined });
    const open = await startTestServer();
    const answer = await open.execute(query);
    expect(answer.errors()).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
    await open.close();
  });

  it('field duplication: one field 500 times is over the limit', async () => {
    const answer = await post({ query: `{ ${'__typename '.repeat(500)} }` });
    expect(answer).toMatchObject({ code: 'QUERY_LIMIT', data: undefined });
  });

  it('field suggestions: a mistyped name is told, no other one is', async () => {
    const answer = await post({ query: '{ __schema { directive } prompt(slug: "x") { slugg } }' });
    expect(answer.text).not.toMatch(/did you mean/i);
    const own = await post({ query: '{ prompt(slug: "x") { slugg } }' });
    expect(own.text).toContain('Cannot query field');
    expect(own.text).not.toMatch(/did you mean/i);
  });

  it('get based mutation: 405, and nothing is executed', async () => {
    const answer = await get('mutation { __typename }');
    expect(answer).toMatchObject({ status: 405, data: undefined });
  });

  it('get method query support: queries are answered, as the specification allows, and only with a key in a header', async () => {
    expect((await get('{ __typename }')).data).toEqual({ __typename: 'Query' });
    const without = await seen(await fetch(`${server.url}/graphql?query=%7B__typename%7D`));
    expect(without).toMatchObject({ status: 401, code: 'UNAUTHENTICATED', data: undefined });
  });

  it('graphiql detection: a browser is answered no page', async () => {
    for (const path of ['/graphql', '/graphiql', '/playground', '/console', '/'])
      expect(
        await (await fetch(`${server.url}${path}`, { headers: { accept: 'text/html' } })).text(),
      ).not.toMatch(/graphi|playground|<html/i);
  });

  it('introspection: refused with a code of its own', async () => {
    const answer = await post({ query: '{ __schema { types { name fields { name } } } }' });
    expect(answer).toMatchObject({ code: 'INTROSPECTION_DISABLED', data: undefined });
  });

  it('post-based urlencoded query (CSRF): a form is 415', async () => {
    const answer = await post(new URLSearchParams({ query: '{ __typename }' }).toString(), {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(answer).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', data: undefined });
  });

  it('unhandled error detection: what is wrong is told without a trace of how it is made', async () => {
    for (const query of [
      'qwerty { abc }',
      '{',
      '\u0000',
      '{ node(id: "!!!") { id } }',
      '{ nodes(ids: ["x"]) { id } }',
    ]) {
      const answer = await post({ query });
      expect(answer.code).not.toBe('INTERNAL_SERVER_ERROR');
      expect(answer.text).not.toMatch(/node_modules|\.ts:|\.js:|stack|exception|SELECT |prisma/i);
    }
  });
});
