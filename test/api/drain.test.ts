import { describe, expect, it, onTestFinished } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import { openFollower } from '../support/follower.ts';
import { openRaw, upgradeRequest } from '../support/raw-connection.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged, openSocket } from '../support/socket.ts';
import { lockTable } from '../support/streams.ts';
import { createPrompt } from './registry.ts';

const EVENTS = '/v1/channels/stable/events';
const SOCKETS = 30;
const EVENT_STREAMS = 20;

/** A server whose `close` is the test's. */
async function start(times: NonNullable<Parameters<typeof startTestServer>[0]>['times'] = {}) {
  const server = await startTestServer({ times });
  let closing: Promise<void> | null = null;
  const close = () => (closing ??= server.close());
  onTestFinished(close);
  return { server, close };
}

const readiness = async ({ url }: TestServer) => {
  const response = await fetch(`${url}/readyz`);
  return [response.status, (await response.json()) as object];
};
const draining = [503, { ready: false, degraded: false, reasons: ['draining'] }];

async function openAll(server: TestServer) {
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, () => openFollower(server, 'bookmarks: true')),
  );
  const streams = await Promise.all(
    Array.from({ length: EVENT_STREAMS }, () =>
      openEventStream(`${server.url}${EVENTS}`, { key: server.adminKey }),
    ),
  );
  await Promise.all([...sockets, ...streams].map((stream) => stream.next()));
  return { sockets, streams };
}

describe('a server that is told to stop', () => {
  it('says so first, takes no more streams, then closes those that are open one after the other', async () => {
    const { server, close } = await start();
    const { sockets, streams } = await openAll(server);
    const ends: number[] = [];
    const note = async (end: Promise<unknown>) => {
      const value = await end;
      ends.push(performance.now());
      return value;
    };
    const all = Promise.all([
      ...sockets.map(({ socket }) => note(socket.closed)),
      ...streams.map(({ ended }) => note(ended)),
    ]);
    const closing = close();
    expect(await readiness(server)).toEqual(draining);
    expect(ends.length).toBeLessThan(SOCKETS + EVENT_STREAMS);
    await expect(openSocket(server.url, { key: server.adminKey })).rejects.toThrow('refused with 503');
    await expect(openEventStream(`${server.url}${EVENTS}`, { key: server.adminKey })).rejects.toThrow(
      'answered 503',
    );
    const delivered = await server.get('/v1/prompts/no/such');
    expect([delivered.status, delivered.headers.get('connection')]).toEqual([404, 'close']);

    const closes = await all;
    const hint = 'this node is draining: reconnect elsewhere, resume from your last cursor';
    expect(closes.slice(0, SOCKETS)).toEqual(sockets.map(() => ({ code: 1012, reason: hint })));
    expect(closes.slice(SOCKETS)).toEqual(streams.map(() => true));
    for (const stream of streams) {
      let last = await stream.nextBlock();
      while (last.comment === undefined || last.comment === '') last = await stream.nextBlock();
      expect(last.comment).toBe(`1012 ${hint}`);
    }
    // 20 ms each: timers are late at times, but never early.
    expect((ends.at(-1) ?? 0) - (ends[0] ?? 0)).toBeGreaterThan(200);
    await closing;
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow('fetch failed');
  });

  it('answers what comes on connections that are open, and each ends with its answer', async () => {
    const { server, close } = await start({ lingerMs: 2_000 });
    const get = `GET /livez HTTP/1.1\r\nHost: here\r\n\r\n`;
    const connections = await Promise.all(Array.from({ length: 5 }, () => openRaw(server.url)));
    for (const connection of connections) connection.write(get);
    await Promise.all(connections.map((connection) => connection.waitFor('200 OK')));
    const before = connections.map((connection) => connection.received().length);
    void close();
    expect(await readiness(server)).toEqual(draining);
    for (const connection of connections) connection.write(get);
    await Promise.all(connections.map(({ ended }) => ended));
    const later = connections.map((connection, index) =>
      connection.received().subarray(before[index]).toString(),
    );
    for (const answer of later) expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n/i);
  });

  it('answers mutations that are under way before it closes their connection', async () => {
    const { server, close } = await start();
    await createPrompt(server, 'drain/one');
    const lock = await lockTable(server, 'prompt');
    const socket = await openAcknowledged(server.url, server.adminKey);
    const archive = 'mutation { archivePrompt(input: { slug: "drain/one" }) { __typename } }';
    socket.send({ type: 'subscribe', id: '1', payload: { query: archive } });
    const posted = server.execute<{ archivePrompt: object }, never>(archive);
    await lock.waiters(2);
    const closing = close();
    expect(await readiness(server)).toEqual(draining);
    // What is sent from now on is not begun any more.
    socket.send({ type: 'subscribe', id: '2', payload: { query: '{ __typename }' } });
    await lock.release();
    const done = { archivePrompt: { __typename: 'Prompt' } };
    expect(await socket.next()).toMatchObject({ id: '1', type: 'next', payload: { data: done } });
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
    expect(await socket.closed).toMatchObject({ code: 1012 });
    expect((await posted).data()).toEqual(done);
    await closing;
  });

  it('stops, whatever its clients do', async () => {
    const { server, close } = await start({ closeMs: 300, drainEndMs: 2_000 });
    const authorization = `Bearer ${server.adminKey}`;
    const clients = await Promise.all(Array.from({ length: 6 }, () => openRaw(server.url)));
    const [mute, deaf, halfSent, halfBody, idle, refused] = clients;
    // Never answers a close; reads nothing; has not sent all of a request, or of a body; has sent nothing; was refused, and stays.
    mute?.write(upgradeRequest({ Authorization: authorization }));
    await mute?.waitFor('HTTP/1.1 101');
    deaf?.write(
      `GET ${EVENTS} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: ${authorization}\r\n\r\n`,
    );
    await deaf?.waitFor('event: snapshot');
    deaf?.pause();
    halfSent?.write('GET /livez HTTP/1.1\r\nHost:');
    halfBody?.write(
      `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\nAuthorization: ${authorization}\r\n\r\n{`,
    );
    refused?.write(upgradeRequest({ Authorization: 'Bearer nobody' }));
    await refused?.waitFor('HTTP/1.1 401');
    expect(idle?.received()).toHaveLength(0);
    await close();
    await Promise.all(clients.filter((client) => client !== deaf).map(({ ended }) => ended));
  });

  it('does not wait for connections that were opened in reserve and never used', async () => {
    const { server, close } = await start({ drainEndMs: 600_000 });
    const { ended } = await openRaw(server.url);
    // Behind it in the queue of the listener: answered, the other one is the server's too.
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    await close();
    await ended;
  });
});
