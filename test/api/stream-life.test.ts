import { afterEach, describe, expect, it } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import type { ServerSentEvent, TestEventStream } from '../support/event-stream.ts';
import { clientFrame, closeCodeIn, openRaw, upgradeRequest } from '../support/raw-connection.ts';
import type { RawConnection } from '../support/raw-connection.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged, openSocket } from '../support/socket.ts';
import { metricBecomes, metricOf, nothingIsLeft } from '../support/streams.ts';

const SUBSCRIBE = {
  type: 'subscribe',
  id: '1',
  payload: { query: 'subscription { channelEvents(bookmarks: true) { __typename } }' },
};
const EVENTS = '/v1/channels/stable/events';
const PING = clientFrame(1, JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(60_000) } }));

let server: TestServer;
afterEach(() => server.close());
const start = async (times: NonNullable<Parameters<typeof startTestServer>[0]>['times']) => {
  server = await startTestServer({ times: times ?? {} });
};

const openEvents = () => openEventStream(`${server.url}${EVENTS}`, { key: server.adminKey });

/** The last comment of a stream that the server ends. */
async function farewell(stream: TestEventStream): Promise<string | undefined> {
  let last: ServerSentEvent = {};
  for (;;) {
    const block = await stream.nextBlock().catch(() => null);
    if (block === null) break;
    last = block;
  }
  expect(await stream.ended).toBe(true);
  return last.comment;
}

describe('a connection that has got old', () => {
  it('is closed with 1012 and says how to go on', async () => {
    await start({ ageMs: [300, 600] });
    const socket = await openAcknowledged(server.url, server.adminKey);
    expect(await socket.closed).toEqual({
      code: 1012,
      reason: 'the connection is old: reconnect, resume from your last cursor',
    });
    expect(await farewell(await openEvents())).toBe(
      '1012 the connection is old: reconnect, resume from your last cursor',
    );
    await nothingIsLeft(server);
  });
});

describe('a peer that does not answer pings', () => {
  it('is gone after a while, and leaves nothing; one that answers stays', async () => {
    await start({ heartbeatMs: 100 });
    const answering = await openAcknowledged(server.url, server.adminKey);
    const silent = await openAcknowledged(server.url, server.adminKey, { autoPong: false });
    silent.send(SUBSCRIBE);
    expect(await silent.next()).toMatchObject({ type: 'next' });
    expect(await silent.closed).toMatchObject({ code: 1006 });
    await metricBecomes(server, 'promptforge_subscriptions', 0);
    answering.send(SUBSCRIBE);
    expect(await answering.next()).toMatchObject({ type: 'next' });
  });
});

describe('a peer that sends and does not read', () => {
  it('is not listened to any further: what it would be answered does not pile up', async () => {
    await start({});
    const raw = await openRaw(server.url);
    raw.write(upgradeRequest({ Authorization: `Bearer ${server.adminKey}` }));
    raw.write(clientFrame(1, '{"type":"connection_init"}'));
    await raw.waitFor('connection_ack');
    raw.pause();
    const sent = 1_500;
    for (let count = 0; count < sent; count += 1) raw.write(PING);
    expect(await takenAtLast(raw)).toBeLessThan((sent * PING.length) / 2);
    raw.resume();
    await raw.waitForBytes(sent * 60_000);
  });

  /** How much it has taken when it takes no more, though it has had its turn again and again. */
  async function takenAtLast(raw: RawConnection): Promise<number> {
    let taken = -1;
    for (let turns = 0; turns < 50; turns += 1) {
      await fetch(`${server.url}/livez`);
      if (raw.taken() !== taken) turns = 0;
      taken = raw.taken();
    }
    return taken;
  }
});

describe('a peer that is closed and goes on to send', () => {
  it('is not served any more, and cut when it does not go', async () => {
    await start({ closeMs: 1_000 });
    const { id, key } = await server.createKey('ADMIN');
    const raw = await openRaw(server.url);
    raw.write(upgradeRequest({ Authorization: `Bearer ${key}` }));
    raw.write(clientFrame(1, '{"type":"connection_init"}'));
    await raw.waitFor('connection_ack');
    await server.revokeKey(id);
    await raw.waitFor('revoked');
    expect(closeCodeIn(raw.received())).toBe(4401);
    const query =
      'mutation { createPrompt(input: { slug: "life/late", content: { template: "x" } }) { __typename } }';
    raw.write(clientFrame(1, JSON.stringify({ type: 'subscribe', id: '1', payload: { query } })));
    await raw.ended;
    await nothingIsLeft(server);
    expect((await server.execute('{ prompt(slug: "life/late") { slug } }')).data()).toEqual({ prompt: null });
  });
});

describe('sockets that have not said who they are', () => {
  it('are at most 500 of one address: one more is refused with 503, and those with a key are taken', async () => {
    await start({ connectionInitMs: 120_000 });
    const all: RawConnection[] = [];
    const open = async () => {
      const raw = await openRaw(server.url);
      raw.write(upgradeRequest());
      await raw.waitFor('\r\n\r\n');
      all.push(raw);
      return raw;
    };
    for (let batch = 0; batch < 5; batch += 1) await Promise.all(Array.from({ length: 100 }, open));
    expect(await metricOf(server, 'promptforge_stream_connections{transport="WEBSOCKET"}')).toBe(500);
    const refused = await open();
    await refused.ended;
    expect(refused.received().toString()).toMatch(/^HTTP\/1\.1 503 [^]*"code":"OVERLOADED"/);
    expect(await openAcknowledged(server.url, server.adminKey)).toBeDefined();
    // Room is made by who says who it is, and by who goes.
    for (const raw of all) raw.destroy();
    await metricBecomes(server, 'promptforge_stream_connections{transport="WEBSOCKET"}', 1);
    const socket = await openSocket(server.url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${server.adminKey}` } });
    expect(await socket.next()).toEqual({ type: 'connection_ack' });
  });
});
