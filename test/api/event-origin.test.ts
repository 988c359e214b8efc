import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemActor } from '../../src/domain/actor.ts';
import { withOrigin } from '../../src/server/origin.ts';
import { runCli } from '../cli/run-cli.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';

interface Newest {
  readonly events: {
    readonly edges: readonly {
      readonly node: { type: string; sourceAddress: string; userAgent: string; requestId: string };
    }[];
  };
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const createChannel = (name: string) =>
  `mutation { createChannel(input: { name: "${name}" }) { __typename } }`;

async function newest(type: string) {
  const query = `{ events(first: 1, filter: { types: ["${type}"] }) { edges { node { type sourceAddress userAgent requestId } } } }`;
  return (await server.execute<Newest, object>(query)).data().events.edges[0]?.node;
}

describe('an event', () => {
  it('tells where the request came from, by HTTP', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'content-type': 'application/json',
        'user-agent': 'x'.repeat(400),
      },
      body: JSON.stringify({ query: createChannel('by-http') }),
    });
    await response.text();
    expect(await newest('ChannelCreated')).toEqual({
      type: 'ChannelCreated',
      sourceAddress: '127.0.0.1',
      userAgent: 'x'.repeat(300),
      requestId: response.headers.get('x-request-id'),
    });
  });

  it('tells where the request came from, by WebSocket', async () => {
    const socket = await openAcknowledged(server.url, server.adminKey, {
      headers: { 'user-agent': 'a socket' },
    });
    socket.send({ type: 'subscribe', id: '1', payload: { query: createChannel('by-socket') } });
    await socket.next();
    expect(await newest('ChannelCreated')).toMatchObject({
      sourceAddress: '127.0.0.1',
      userAgent: 'a socket',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('of the command line at the door of the database says so', async () => {
    const run = await runCli(['keys', 'create', '--reader'], { DATABASE_URL: server.database.url });
    expect(run.code).toBe(0);
    expect(await newest('ApiKeyCreated')).toEqual({
      type: 'ApiKeyCreated',
      sourceAddress: null,
      userAgent: 'promptforge keys',
      requestId: null,
    });
  });
});

describe('the address of an event', () => {
  it('is the one that is asked for, where somebody knows better than the connection', async () => {
    const keeper = createServer((req, res) => {
      const { origin } = withOrigin(systemActor('w'), req, 'r', () => '192.0.2.7');
      res.end(JSON.stringify(origin));
    });
    keeper.listen(0, '127.0.0.1');
    await once(keeper, 'listening');
    onTestFinished(() => void keeper.close());
    const { port } = keeper.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}`, { headers: { 'user-agent': 'probe' } });
    expect(await response.json()).toEqual({ sourceAddress: '192.0.2.7', userAgent: 'probe', requestId: 'r' });
  });
});
