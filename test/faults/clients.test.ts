import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer as createEcho } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { startProxy } from './chaos-proxy.ts';
import { seeded, until } from './harness.ts';
import { createHistory } from './history.ts';
import type { Entry, Frame, Item } from './history.ts';
import { cursorAt, plantFrames, plantOperations, plantState } from './planted.ts';
import { createSubscriber } from './subscriber.ts';
import { validate } from './validator.ts';

const STATE = plantState([['a@1'], ['a@2', 'b@2'], ['b@-'], ['.'], ['a@3']]);
const SERVED = { a: 3 };
const global = (kind: string, id: string | null) => Buffer.from(`${kind}:${id}`).toString('base64');

/** What a node would say after a place: a snapshot first when nothing is known. */
function script(after: string | null): Frame[] {
  if (after === null) {
    const place = { cursor: cursorAt(STATE, 0), more: false };
    return [
      { kind: 'snapshot', reason: 'REQUESTED', complete: true, entries: [], ...place },
      ...plantFrames(STATE),
    ];
  }
  const seq = STATE.log.findIndex((_row, index) => cursorAt(STATE, index + 1) === after) + 1;
  return plantFrames(STATE, { after: seq });
}

function asEvent(frame: Frame): object {
  if (frame.kind === 'unknown') return { __typename: frame.type };
  const { cursor, more } = frame;
  if (frame.kind === 'snapshot') {
    const entries = frame.entries.map(({ slug, version }: Item) => ({
      prompt: { slug },
      version: { number: version },
    }));
    return { __typename: 'ChannelSnapshot', ...frame, entries };
  }
  if (frame.kind === 'bookmark') return { __typename: 'Bookmark', ...frame };
  const { slug, version, promotion } = frame;
  const common = { cursor, more, promotion: { id: global('Promotion', promotion) } };
  if (version === null) return { __typename: 'VersionWithdrawn', slug, ...common };
  return { __typename: 'VersionPromoted', prompt: { slug }, version: { number: version }, ...common };
}

function asText(frame: Frame): string {
  if (frame.kind === 'unknown') return `event: ${frame.type}\ndata: {}\n\n`;
  const id = frame.more ? '' : `id: ${frame.cursor}\n`;
  return `: comment\n\n${id}event: ${frame.kind}\ndata: ${JSON.stringify(frame)}\n\n`;
}

/** Speaks as a node does, and says things that nobody knows yet; hangs up after some frames as often as it is told. */
async function startScriptedNode(
  hangUpAfter: number[],
  change: (frames: Frame[]) => Frame[] = (same) => same,
) {
  const novelty: Frame = { kind: 'unknown', type: 'Novelty' };
  const say = (after: string | null) => {
    const frames = [novelty, ...change(script(after))];
    const limit = hangUpAfter.shift();
    return { frames: limit === undefined ? frames : frames.slice(0, limit), isOver: limit !== undefined };
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const after = request.headers['last-event-id'];
    const { frames, isOver } = say(typeof after === 'string' ? after : null);
    response.write(frames.map(asText).join(''));
    if (isOver) response.end();
  });
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'graphql-transport-ws' });
  sockets.on('connection', (socket) => speak(socket, say));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function speak(socket: WebSocket, say: (after: string | null) => { frames: Frame[]; isOver: boolean }): void {
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString('utf8')) as {
      type: string;
      payload: { variables: { after: string | null } };
    };
    const send = (answer: object) => socket.send(JSON.stringify(answer));
    if (message.type === 'connection_init') return send({ type: 'connection_ack', payload: { novelty: 1 } });
    if (message.type !== 'subscribe') return;
    send({ type: 'novelty', payload: {} });
    const { frames, isOver } = say(message.payload.variables.after);
    for (const frame of frames)
      send({ id: '1', type: 'next', payload: { data: { channelEvents: asEvent(frame) } } });
    if (isOver) socket.close(1012, 'draining');
  });
}

it.each(['ws', 'sse'] as const)(
  'over %s a client resumes wherever it was cut, ignores what it does not know, and its history is clean',
  async (transport) => {
    const url = await startScriptedNode([3, 2, 4]);
    const history = createHistory();
    for (const entry of plantOperations(STATE)) history.note(entry);
    const follows = { channel: 'stable', prompts: null, mode: 'ALL' } as const;
    const client = createSubscriber({
      history,
      name: 'c',
      follows,
      transport,
      url: () => url,
      random: seeded(1),
    });
    await until('it has heard everything', () => client.seq() === 6, 5_000);
    client.stop(true);
    history.note({ what: 'state', state: STATE });
    expect(validate(history.lines)).toEqual([]);
    expect(Object.fromEntries(client.cache)).toEqual(SERVED);
    expect(client.connects()).toBe(4);
    expect(client.snapshots).toEqual(['REQUESTED']);
  },
);

it.each(['ws', 'sse'] as const)('over %s what a node leaves out is found', async (transport) => {
  const url = await startScriptedNode([], (frames) => frames.filter((frame) => frame.kind !== 'withdrawn'));
  const history = createHistory();
  for (const entry of plantOperations(STATE)) history.note(entry);
  const follows = { channel: 'stable', prompts: null, mode: 'ALL' } as const;
  const client = createSubscriber({
    history,
    name: 'c',
    follows,
    transport,
    url: () => url,
    random: seeded(1),
  });
  await until('it has heard everything', () => client.seq() === 6, 5_000);
  client.stop(true);
  history.note({ what: 'state', state: STATE } satisfies Entry);
  const found = validate(history.lines);
  expect(found.map(({ rule }) => rule)).toEqual(['loss', 'cache']);
  expect(history.lines[found[0]?.line ?? -1]).toMatchObject({
    what: 'frame',
    frame: { slug: 'a', version: 3 },
  });
});

it('a proxy cuts, stalls and refuses, by the name that a client of PostgreSQL gives itself', async () => {
  const echo = createEcho((socket) => socket.on('error', () => undefined).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const proxy = await startProxy(() => ({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port }));
  onTestFinished(() => proxy.close().then(() => void echo.close()));
  const open = async (name: string) => {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    socket.write(`application_name\0${name}\0`);
    return socket;
  };
  const [feed, reader] = [await open('promptforge:feed'), await open('promptforge:reader')];
  await Promise.all([once(feed, 'data'), once(reader, 'data')]);
  expect(proxy.cut((name) => name.endsWith('feed'))).toBe(1);
  await once(feed, 'close');
  expect(reader.destroyed).toBe(false);

  proxy.stall((name) => name.endsWith('reader'));
  const other = await open('promptforge:writer');
  await once(other, 'data');
  const answer = once(reader, 'data');
  let isAnswered = false;
  void answer.then(() => (isAnswered = true));
  reader.write('?');
  other.write('?');
  await once(other, 'data');
  expect(isAnswered).toBe(false);
  proxy.flow();
  await answer;

  proxy.refuse(true);
  const refused = await open('promptforge:late');
  await once(refused, 'close');
  expect(proxy.open()).toBe(2);
});
