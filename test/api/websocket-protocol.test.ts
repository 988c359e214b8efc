import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged, openSocket } from '../support/socket.ts';
import type { TestSocket } from '../support/socket.ts';
import { createPrompt, editPrompt } from './registry.ts';

const FRAME_BYTES_MAX = 64 * 1024;

let server: TestServer;
let socket: TestSocket;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'ws/one');
  await editPrompt(server, 'ws/one', { content: { template: 'two' } });
  await createPrompt(server, 'ws/other');
});
afterAll(() => server.close());
beforeEach(async () => {
  socket = await openAcknowledged(server.url, server.adminKey);
});

const subscribe = (id: string, query: string, rest: object = {}, on = socket) =>
  on.send({ type: 'subscribe', id, payload: { query, ...rest } });
const following = (args: string) => `subscription { channelEvents(${args}) { __typename cursor } }`;
const followOne = following('prompts: ["ws/one"], bookmarks: true');

describe('a message', () => {
  it.each([
    ['text that is no JSON', 'hello'],
    ['an empty text', ''],
    ['null', 'null'],
    ['a number', '1'],
    ['an array', '[]'],
    ['a message without a type', {}],
    ['a message of an unknown type', { type: 'start', id: '1', payload: { query: '{ __typename }' } }],
    ['subscribe without an id', { type: 'subscribe', payload: { query: '{ __typename }' } }],
    ['subscribe with an empty id', { type: 'subscribe', id: '', payload: { query: '{ __typename }' } }],
    ['subscribe with a number for an id', { type: 'subscribe', id: 1, payload: { query: '{ __typename }' } }],
    ['subscribe without a payload', { type: 'subscribe', id: '1' }],
    ['subscribe without a query', { type: 'subscribe', id: '1', payload: {} }],
    [
      'variables that are no object',
      { type: 'subscribe', id: '1', payload: { query: '{ a }', variables: '{}' } },
    ],
    ['complete without an id', { type: 'complete' }],
    ['ping with a payload that is no object', { type: 'ping', payload: 'hello' }],
    ['connection_ack, which servers send', { type: 'connection_ack' }],
    ['next, which servers send', { type: 'next', id: '1', payload: {} }],
    ['error, which servers send', { type: 'error', id: '1', payload: [{ message: 'no' }] }],
  ])('that is %s is closed with 4400', async (_what, message) => {
    socket.send(message);
    expect(await socket.closed).toMatchObject({ code: 4400 });
  });

  it('in a binary frame is closed with 4400', async () => {
    socket.send('{"type":"ping"}', { binary: true });
    expect(await socket.closed).toMatchObject({ code: 4400 });
  });

  it('that is no UTF-8 is closed with 1007', async () => {
    socket.send(Buffer.from([0xc3, 0x28]), { binary: false });
    expect(await socket.closed).toMatchObject({ code: 1007 });
  });

  it('of exactly 64 KiB is taken, one byte more is closed with 1009', async () => {
    const start = '{"type":"ping","payload":{"text":"';
    socket.send(`${start}${'x'.repeat(FRAME_BYTES_MAX - start.length - 3)}"}}`);
    expect(await socket.next()).toMatchObject({ type: 'pong' });
    socket.send(`${start}${'x'.repeat(FRAME_BYTES_MAX - start.length - 2)}"}}`);
    expect(await socket.closed).toMatchObject({ code: 1009 });
  });

  it('in a few fragments is taken, in many it is closed with 1008', async () => {
    socket.send('{"type":', { fin: false });
    socket.send('"ping"}', { fin: true });
    expect(await socket.next()).toEqual({ type: 'pong' });
    for (let fragment = 0; fragment < 20; fragment += 1) socket.send('x', { fin: false });
    expect(await socket.closed).toMatchObject({ code: 1008 });
  });
});

describe('ping and pong', () => {
  it('are answered with the payload that came, before and after the acknowledgement', async () => {
    const fresh = await openSocket(server.url, { key: server.adminKey });
    for (const on of [fresh, socket]) {
      on.send({ type: 'ping', payload: { at: 1 } });
      expect(await on.next()).toEqual({ type: 'pong', payload: { at: 1 } });
      on.send({ type: 'ping' });
      expect(await on.next()).toEqual({ type: 'pong' });
    }
  });

  it('may come unasked: a pong is no fault', async () => {
    socket.send({ type: 'pong', payload: { at: 1 } });
    await expect(socket.expectNothing()).resolves.toBeUndefined();
  });

  it('work as frames of the WebSocket too', async () => {
    expect(await socket.pingFrame('abc')).toBe('abc');
  });
});

describe('an operation', () => {
  it('that is a query answers once, then completes', async () => {
    subscribe('q', 'query ($slug: String!) { prompt(slug: $slug) { slug } }', {
      variables: { slug: 'ws/one' },
      operationName: null,
    });
    expect(await socket.next()).toEqual({
      id: 'q',
      type: 'next',
      payload: { data: { prompt: { slug: 'ws/one' } } },
    });
    expect(await socket.next()).toEqual({ id: 'q', type: 'complete' });
  });

  it('that is a mutation answers once, then completes', async () => {
    subscribe(
      'm',
      'mutation { createPrompt(input: { slug: "ws/made", content: { template: "x" } }) { __typename } }',
    );
    expect(await socket.next()).toMatchObject({
      payload: { data: { createPrompt: { __typename: 'Prompt' } } },
    });
    expect(await socket.next()).toEqual({ id: 'm', type: 'complete' });
  });

  it('that a reader may not do is Forbidden, as over HTTP', async () => {
    const { key } = await server.createKey('VIEWER');
    const reader = await openAcknowledged(server.url, key);
    subscribe('m', 'mutation { archivePrompt(input: { slug: "ws/one" }) { __typename } }', {}, reader);
    expect(await reader.next()).toMatchObject({
      payload: { data: { archivePrompt: { __typename: 'Forbidden' } } },
    });
    expect(await reader.next()).toEqual({ id: 'm', type: 'complete' });
  });

  it.each([
    ['does not parse', '{', {}, 'GRAPHQL_PARSE_FAILED'],
    ['is not valid', '{ nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    ['follows a field that is not there', 'subscription { nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'is too deep',
      `{ prompt(slug: "a") ${'{ latest { prompt '.repeat(10)} { id } ${'} }'.repeat(10)} }`,
      {},
      'QUERY_LIMIT',
    ],
    ['is not named', 'query A { __typename } query B { __typename }', {}, 'OPERATION_RESOLUTION_FAILURE'],
    ['is named wrongly', 'query A { __typename }', { operationName: 'B' }, 'OPERATION_RESOLUTION_FAILURE'],
    ['lacks a variable', 'query ($slug: String!) { prompt(slug: $slug) { slug } }', {}, 'INVALID_INPUT'],
    [
      'has a variable of another type',
      'subscription ($p: [String!]) { channelEvents(prompts: $p) { cursor } }',
      { variables: { p: [1] } },
      'INVALID_INPUT',
    ],
  ])('that %s is an error, and the connection goes on', async (_what, query, rest, code) => {
    subscribe('e', query, rest);
    expect(await socket.next()).toMatchObject({
      id: 'e',
      type: 'error',
      payload: [{ extensions: { code } }],
    });
    subscribe('e', '{ __typename }');
    expect(await socket.next()).toMatchObject({ type: 'next' });
  });

  it.each([
    ['of no feed', 'after: "!"', 'BAD_CURSOR'],
    ['cut off', 'after: "AQAAAAAAAAAB"', 'BAD_CURSOR'],
    ['of an unknown channel', 'channel: "nowhere"', 'CHANNEL_NOT_FOUND'],
    ['of what is no channel name', 'channel: "No Channel"', 'CHANNEL_NOT_FOUND'],
    ['of what is no pattern', 'prompts: ["*"]', 'INVALID_INPUT'],
    ['of no pattern', 'prompts: []', 'INVALID_INPUT'],
  ])('that follows from a cursor or a topic %s answers with %s and completes', async (_what, args, code) => {
    subscribe('s', following(args));
    const answer = await socket.next();
    expect(answer).toMatchObject({ id: 's', type: 'next', payload: { errors: [{ extensions: { code } }] } });
    expect(answer.payload).not.toHaveProperty('data');
    expect(await socket.next()).toEqual({ id: 's', type: 'complete' });
    await expect(socket.expectNothing()).resolves.toBeUndefined();
  });

  it('with the id of one that runs is closed with 4409', async () => {
    subscribe('1', followOne);
    await socket.next();
    subscribe('1', '{ __typename }');
    expect(await socket.closed).toEqual({ code: 4409, reason: 'Subscriber for 1 already exists' });
  });

  it.each(['__proto__', 'constructor', '"', '\u{1F600}', 'x'.repeat(300)])(
    'may have the id %j',
    async (id) => {
      subscribe(id, followOne);
      expect(await socket.next()).toMatchObject({ id, type: 'next' });
      socket.send({ type: 'complete', id });
      await expect(socket.expectNothing()).resolves.toBeUndefined();
    },
  );

  it('may have the id of one that the server or the client has completed', async () => {
    subscribe('1', '{ __typename }');
    expect([await socket.next(), await socket.next()]).toMatchObject([
      { type: 'next' },
      { type: 'complete' },
    ]);
    for (let round = 0; round < 2; round += 1) {
      subscribe('1', followOne);
      expect(await socket.next()).toMatchObject({ id: '1', type: 'next' });
      socket.send({ type: 'complete', id: '1' });
      await expect(socket.expectNothing()).resolves.toBeUndefined();
    }
  });

  it('that nobody has begun can be completed without harm', async () => {
    socket.send({ type: 'complete', id: 'never' });
    await expect(socket.expectNothing()).resolves.toBeUndefined();
  });
});
