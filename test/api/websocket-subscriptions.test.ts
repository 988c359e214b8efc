import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';
import type { TestSocket } from '../support/socket.ts';
import { lockTable, metricBecomes, nothingIsLeft } from '../support/streams.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

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

const idsOf = (messages: readonly { readonly id?: string }[]) =>
  messages.map(({ id = '' }) => id).toSorted((a, b) => (a < b ? -1 : 1));

describe('a subscription', () => {
  it('ends when the client completes it: nothing comes after, and nobody is subscribed', async () => {
    subscribe('1', followOne);
    await socket.next();
    await metricBecomes(server, 'promptforge_subscriptions', 1);
    socket.send({ type: 'complete', id: '1' });
    await nothingIsSubscribed();
    await promote(server, 'ws/one', 1);
    await expect(socket.expectNothing()).resolves.toBeUndefined();
  });

  it('goes beside others on one connection, each with what it asked for', async () => {
    subscribe('one', following('prompts: ["ws/one"], bookmarks: true'));
    subscribe('other', following('prompts: ["ws/other"], bookmarks: true'));
    subscribe('all', following('bookmarks: true'));
    const greetings = [await socket.next(), await socket.next(), await socket.next()];
    expect(idsOf(greetings)).toEqual(['all', 'one', 'other']);
    await promote(server, 'ws/other', 1);
    const events = [await socket.next(), await socket.next()];
    expect(idsOf(events)).toEqual(['all', 'other']);
    socket.send({ type: 'complete', id: 'all' });
    await metricBecomes(server, 'promptforge_subscriptions', 2);
    await promote(server, 'ws/one', 2);
    expect(await socket.next()).toMatchObject({ id: 'one' });
    await expect(socket.expectNothing()).resolves.toBeUndefined();
  });

  it.each([
    ['channel', 'CHANNEL_NOT_FOUND'],
    ['prompts', 'INVALID_INPUT'],
    ['after', 'BAD_CURSOR'],
  ])('is refused, typed, for %s that no database can hold', async (argument, code) => {
    const query = `subscription ($t: String!) { channelEvents(${argument}: $t) { __typename } }`.replace(
      'prompts: $t',
      'prompts: [$t]',
    );
    for (const [index, t] of ['a\u0000b', '\ud800'].entries()) {
      subscribe(String(index), query, { variables: { t } });
      expect(await socket.next()).toMatchObject({
        id: String(index),
        payload: { errors: [{ extensions: { code } }] },
      });
      expect(await socket.next()).toEqual({ id: String(index), type: 'complete' });
    }
  });

  it('shares frames only with those who see the same: a variable further down makes a group of its own', async () => {
    const query = `subscription ($x: Int, $after: String) {
      channelEvents(prompts: ["ws/one"], bookmarks: true, after: $after) {
        __typename ... on VersionPromoted { prompt { versions(first: $x) { edges { node { number } } } } }
      }
    }`;
    const paged = `subscription ($after: String) {
      channelEvents(prompts: ["ws/one"], bookmarks: true) {
        __typename ... on VersionPromoted { prompt { versions(first: 1, after: $after) { edges { node { number } } } } }
      }
    }`;
    const page = await server.execute<{ prompt: { versions: { pageInfo: { endCursor: string } } } }, object>(
      '{ prompt(slug: "ws/one") { versions(first: 1) { pageInfo { endCursor } } } }',
    );
    const after = page.data().prompt.versions.pageInfo.endCursor;
    subscribe('1', query, { variables: { x: 1 } });
    subscribe('2', query, { variables: { x: 2 } });
    subscribe('3', paged, { variables: { after: null } });
    subscribe('4', paged, { variables: { after } });
    for (let greeting = 0; greeting < 4; greeting += 1) await socket.next();
    await promote(server, 'ws/one', 2);
    const heard = new Map<string, unknown>();
    while (heard.size < 4) {
      const { id = '', payload } = await socket.next();
      const { prompt } = (
        payload as {
          data: { channelEvents: { prompt: { versions: { edges: { node: { number: number } }[] } } } };
        }
      ).data.channelEvents;
      heard.set(
        id,
        prompt.versions.edges.map(({ node }) => node.number),
      );
    }
    expect(Object.fromEntries(heard)).toEqual({ 1: [2], 2: [2, 1], 3: [2], 4: [1] });
  });

  it.each([
    ['subscription { channelEvents @skip(if: true) { cursor } }', {}],
    ['subscription ($s: Boolean!) { channelEvents @include(if: $s) { cursor } }', { s: true }],
    ['subscription { ... on Subscription @skip(if: true) { channelEvents { cursor } } }', {}],
    ['subscription { ...F } fragment F on Subscription { channelEvents @skip(if: true) { cursor } }', {}],
  ])('has one root field, without a condition: %s', async (query, variables) => {
    subscribe('1', query, { variables });
    const { type, payload } = await socket.next();
    expect([type, payload]).toMatchObject(['error', [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]]);
    expect(JSON.stringify(payload)).toContain('takes no directives');
    expect(server.logged.filter(({ level }) => level >= 50)).toEqual([]);
  });

  it('is there for readers', async () => {
    const { key } = await server.createKey('VIEWER');
    const reader = await openAcknowledged(server.url, key);
    subscribe('1', following('prompts: ["ws/one"]'), {}, reader);
    await metricBecomes(server, 'promptforge_subscriptions', 1);
    await promote(server, 'ws/one', 1);
    expect(await reader.next()).toMatchObject({
      id: '1',
      type: 'next',
      payload: { data: { channelEvents: { __typename: 'VersionPromoted' } } },
    });
  });

  it('is one of at most 100 on a connection: one more is closed with 4291', async () => {
    for (let id = 1; id <= 100; id += 1) subscribe(`${id}`, followOne);
    for (let id = 1; id <= 100; id += 1) expect(await socket.next()).toMatchObject({ type: 'next' });
    subscribe('101', followOne);
    expect(await socket.closed).toEqual({
      code: 4291,
      reason: 'too many subscriptions on this connection or key',
    });
    await nothingIsLeft(server);
  });

  it('leaves nothing when its client is gone in the middle of it', async () => {
    subscribe('1', followOne);
    subscribe('2', following('bookmarks: true'));
    await socket.next();
    await socket.next();
    socket.terminate();
    await expect(nothingIsLeft(server)).resolves.toBeUndefined();
  });

  it('leaves nothing when its client is gone while it begins', async () => {
    await server.execute('mutation { createChannel(input: { name: "late" }) { __typename } }');
    const lock = await lockTable(server, 'channel');
    subscribe('1', following('channel: "late", bookmarks: true'));
    await lock.waiters(1);
    socket.terminate();
    await metricBecomes(server, 'promptforge_stream_connections{transport="WEBSOCKET"}', 0);
    await lock.release();
    // One that begins later is there: the one that was given up has long been prepared.
    const later = await openAcknowledged(server.url, server.adminKey);
    subscribe('1', following('channel: "late", bookmarks: true'), {}, later);
    await later.next();
    later.terminate();
    await expect(nothingIsLeft(server)).resolves.toBeUndefined();
  });

  it('leaves nothing when its id is used again while it begins', async () => {
    await server.execute('mutation { createChannel(input: { name: "reused" }) { __typename } }');
    const lock = await lockTable(server, 'channel');
    for (let round = 0; round < 3; round += 1) {
      subscribe('1', following('channel: "reused", bookmarks: true'));
      socket.send({ type: 'complete', id: '1' });
    }
    subscribe('1', following('channel: "reused", bookmarks: true'));
    // Three are asked for by nobody any more. The database is asked once for all of them.
    await lock.waiters(1);
    await lock.release();
    expect(await socket.next()).toMatchObject({ id: '1', type: 'next' });
    await metricBecomes(server, 'promptforge_subscriptions', 1);
    socket.send({ type: 'complete', id: '1' });
    await nothingIsSubscribed();
    await expect(socket.expectNothing()).resolves.toBeUndefined();
  });

  it('may use its id again as often as it likes', async () => {
    const query = '{ prompts(first: 1) { totalCount } }';
    for (let batch = 0; batch < 3; batch += 1) {
      const lock = await lockTable(server, 'prompt');
      for (let count = 0; count < 80; count += 1) {
        subscribe('1', query);
        // By then it is under way, and waits for the database.
        socket.send({ type: 'ping' });
        expect(await socket.next()).toMatchObject({ type: 'pong' });
        socket.send({ type: 'complete', id: '1' });
      }
      subscribe('1', query);
      await lock.release();
      expect(await socket.next()).toMatchObject({ id: '1', type: 'next' });
      expect(await socket.next()).toMatchObject({ id: '1', type: 'complete' });
    }
    await expect(socket.expectNothing()).resolves.toBeUndefined();
  });

  it('is not ended by the failure of one that had its id before', async () => {
    await server.execute('mutation { createChannel(input: { name: "inherited" }) { __typename } }');
    const lock = await lockTable(server, 'channel');
    subscribe('1', following('channel: "nowhere", bookmarks: true'));
    socket.send({ type: 'complete', id: '1' });
    subscribe('1', following('channel: "inherited", bookmarks: true'));
    await lock.waiters(2);
    await lock.release();
    const { payload, ...message } = await socket.next();
    expect(message).toEqual({ id: '1', type: 'next' });
    expect(payload).toMatchObject({ data: { channelEvents: {} } });
    await expect(socket.expectNothing()).resolves.toBeUndefined();
    await metricBecomes(server, 'promptforge_subscriptions', 1);
    socket.send({ type: 'complete', id: '1' });
    await nothingIsSubscribed();
  });

  it('does not get around the limit of its connection by completing before it has begun', async () => {
    const lock = await lockTable(server, 'channel');
    for (let id = 0; id < 250; id += 1) {
      subscribe(`${id}`, following('channel: "not-known-yet"'));
      socket.send({ type: 'complete', id: `${id}` });
    }
    expect(await socket.closed).toMatchObject({ code: 4291 });
    await lock.release();
  });

  const nothingIsSubscribed = () => metricBecomes(server, 'promptforge_subscriptions', 0);
});
