import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { lockTable, metricBecomes, nothingIsLeft } from '../support/streams.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const APP = 'https://app.example.com';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ config: { corsOrigins: [APP] }, times: { heartbeatMs: 100 } });
  await createPrompt(server, 'sse/one');
  await editPrompt(server, 'sse/one', { content: { template: 'two' } });
});
afterAll(() => server.close());

const following = (args: string) =>
  `subscription { channelEvents(${args}) { __typename cursor ... on VersionPromoted { version { number } } } }`;
const followOne = following('prompts: ["sse/one"], bookmarks: true');
const followAll = 'subscription { channelEvents { cursor } }';
const json = { 'content-type': 'application/json' };

function post(query: string, { key = server.adminKey, headers = {}, ...rest } = {}) {
  return openEventStream(`${server.url}/graphql`, {
    key,
    method: 'POST',
    headers: { ...json, ...headers },
    body: JSON.stringify({ query, ...rest }),
  });
}

function get(query: string, parameters: Record<string, string> = {}) {
  const search = new URLSearchParams({ query, ...parameters });
  return openEventStream(`${server.url}/graphql?${search}`, { key: server.adminKey });
}

/** Requests that the server has seen the end of. */
const requestsOver = () =>
  server.logged.filter(({ msg, path }) => msg === 'request' && path === '/graphql').length;

const dataOf = ({ data = '' }: { data?: string }) => JSON.parse(data) as unknown;

describe('a subscription over server-sent events', () => {
  it.each([
    ['POST', post],
    ['GET', get],
  ])('by %s gets every event as `next`', async (_method, open) => {
    const stream = await open(followOne);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    const greeting = await stream.next();
    expect(greeting.event).toBe('next');
    expect(dataOf(greeting)).toMatchObject({ data: { channelEvents: { __typename: 'Bookmark' } } });
    for (const version of [1, 2]) {
      await promote(server, 'sse/one', version);
      const event = await stream.next();
      expect(event.event).toBe('next');
      expect(dataOf(event)).toEqual({
        data: {
          channelEvents: {
            __typename: 'VersionPromoted',
            cursor: expect.any(String),
            version: { number: version },
          },
        },
      });
    }
  });

  it('takes variables and an operation name, in the body and in the query string', async () => {
    const query = `query Other { __typename } subscription Mine($b: Boolean) { channelEvents(bookmarks: $b) { __typename } }`;
    const posted = await post(query, { variables: { b: true }, operationName: 'Mine' } as object);
    const got = await get(query, { variables: '{"b":true}', operationName: 'Mine' });
    for (const stream of [posted, got])
      expect(dataOf(await stream.next())).toEqual({ data: { channelEvents: { __typename: 'Bookmark' } } });
  });

  it('says when to come back, and that it is alive, by what programs do not see', async () => {
    const stream = await post(following('prompts: ["sse/one"]'));
    expect(Number((await stream.nextBlock()).retry)).toBeLessThanOrEqual(1_000);
    expect(await stream.nextBlock()).toEqual({ comment: '' });
    expect(await stream.nextBlock()).toEqual({ comment: '' });
  });

  it.each([
    ['a cursor of no feed', following('after: "!"'), 'BAD_CURSOR'],
    ['an unknown channel', following('channel: "nowhere"'), 'CHANNEL_NOT_FOUND'],
    ['no pattern', following('prompts: []'), 'INVALID_INPUT'],
    ['an unknown field', 'subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['a text that does not parse', 'subscription {', 'GRAPHQL_PARSE_FAILED'],
    [
      'a variable that is missing',
      'subscription ($c: String!) { channelEvents(channel: $c) { cursor } }',
      'INVALID_INPUT',
    ],
  ])('with %s gets its errors, then it is complete', async (_what, query, code) => {
    const stream = await post(query);
    const answer = await stream.next();
    expect(answer.event).toBe('next');
    expect(dataOf(answer)).toMatchObject({ errors: [{ extensions: { code } }] });
    expect(await stream.next()).toMatchObject({ event: 'complete' });
    expect(await stream.ended).toBe(true);
  });

  it('is there for readers', async () => {
    const { key } = await server.createKey('VIEWER');
    const stream = await post(followOne, { key });
    expect(await stream.next()).toMatchObject({ event: 'next' });
  });

  it('is answered with 401 without a key or with a wrong one', async () => {
    for (const headers of [{}, { authorization: 'Bearer nobody' }] as Record<string, string>[]) {
      const opening = openEventStream(`${server.url}/graphql`, {
        method: 'POST',
        headers: { ...json, ...headers },
        body: JSON.stringify({ query: followOne }),
      });
      await expect(opening).rejects.toThrow('answered 401 application/problem+json');
    }
  });

  it.each(['application/json', 'application/graphql-response+json, application/json', '*/*'])(
    'that only accepts %s is told what to accept, with 406',
    async (accept) => {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { ...json, accept, authorization: `Bearer ${server.adminKey}` },
        body: JSON.stringify({ query: followOne }),
      });
      expect(response.status).toBe(406);
      expect(await response.text()).toMatch(/text\/event-stream/);
    },
  );

  it.each([
    ['a body that is no UTF-8', 'application/json', '{"query":"subscription { a(b: \\"\xff\\") }"}', 400],
    ['a body of another media type', 'text/plain', '{"query":"{a}"}', 415],
    ['variables that are no object', 'application/json', `{"query":"${followAll}","variables":[]}`, 400],
    ['an operation name that is none', 'application/json', `{"query":"${followAll}","operationName":1}`, 400],
  ])('with %s is refused', async (_what, type, body, status) => {
    const headers = {
      'content-type': type,
      accept: 'text/event-stream',
      authorization: `Bearer ${server.adminKey}`,
    };
    const bytes = Buffer.from(body, 'latin1');
    const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body: bytes });
    expect(response.status).toBe(status);
  });

  it('may come from a page of CORS_ORIGINS', async () => {
    const stream = await post(followOne, { headers: { origin: APP } });
    expect(stream.headers['access-control-allow-origin']).toBe(APP);
    const other = await post(followOne, { headers: { origin: 'https://evil.example.com' } });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('leaves nothing when its client is gone in the middle of it', async () => {
    const stream = await post(followOne);
    await stream.next();
    await metricBecomes(server, 'promptforge_stream_connections{transport="SSE"}', 1);
    stream.abort();
    await expect(nothingIsLeft(server)).resolves.toBeUndefined();
  });

  it('leaves nothing when its client is gone while it begins', async () => {
    await server.execute('mutation { createChannel(input: { name: "late" }) { __typename } }');
    const followLate = following('channel: "late", bookmarks: true');
    const lock = await lockTable(server, 'channel');
    const aborting = new AbortController();
    const aborted = fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { ...json, accept: 'text/event-stream', authorization: `Bearer ${server.adminKey}` },
      body: JSON.stringify({ query: followLate }),
      signal: aborting.signal,
    });
    await lock.waiters(1);
    const answered = requestsOver();
    aborting.abort();
    await expect(aborted).rejects.toThrow('aborted');
    await expect.poll(requestsOver, { timeout: 10_000 }).toBe(answered + 1);
    await lock.release();
    // One that begins later is there: the aborted one has long been prepared.
    const stream = await post(followLate);
    await stream.next();
    stream.abort();
    await expect(nothingIsLeft(server)).resolves.toBeUndefined();
  });
});

describe('a query over server-sent events', () => {
  it('is answered once, then it is complete', async () => {
    const stream = await post('{ prompt(slug: "sse/one") { slug } }');
    const answer = await stream.next();
    expect(answer.event).toBe('next');
    expect(dataOf(answer)).toEqual({ data: { prompt: { slug: 'sse/one' } } });
    expect(await stream.next()).toMatchObject({ event: 'complete' });
    expect(await stream.ended).toBe(true);
  });
});
