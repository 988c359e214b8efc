import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
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
  it('is the one that a trusted proxy names', async () => {
    const behindProxy = await startTestServer({ config: { trustedProxies: ['127.0.0.1'] } });
    onTestFinished(() => behindProxy.close());
    const response = await fetch(`${behindProxy.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${behindProxy.adminKey}`,
        'content-type': 'application/json',
        'x-forwarded-for': '192.0.2.7',
      },
      body: JSON.stringify({ query: createChannel('behind-proxy') }),
    });
    await response.text();
    const rows = await behindProxy.database.query<{ source_address: string }>(
      `SELECT source_address FROM event WHERE type = 'ChannelCreated' ORDER BY seq DESC LIMIT 1`,
    );
    expect(rows).toEqual([{ source_address: '192.0.2.7' }]);
  });
});
