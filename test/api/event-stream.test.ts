import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import type { ServerSentEvent, TestEventStream } from '../support/event-stream.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { metricBecomes, nothingIsLeft } from '../support/streams.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const APP = 'https://app.example.com';
const STABLE = '/v1/channels/stable/events';

let server: TestServer;
let team: string;
let count = 0;
beforeAll(async () => {
  server = await startTestServer({
    config: { corsOrigins: [APP] },
    times: { bookmarkMs: 300, heartbeatMs: 100 },
  });
});
afterAll(() => server.close());
beforeEach(async () => {
  count += 1;
  team = `events-${count}`;
  for (const name of ['a', 'b', 'c']) {
    await createPrompt(server, `${team}/${name}`, { content: { template: `${name} 1` } });
    await editPrompt(server, `${team}/${name}`, { content: { template: `${name} 2` } });
  }
});

function open(path: string, headers: Record<string, string> = {}, key = server.adminKey) {
  return openEventStream(`${server.url}${path}`, { key, headers });
}

async function nextOf(stream: TestEventStream, ...names: readonly string[]): Promise<ServerSentEvent> {
  for (;;) {
    const event = await stream.next();
    if (names.includes(event.event ?? '')) return event;
  }
}
const nextChange = (stream: TestEventStream) => nextOf(stream, 'snapshot', 'promoted', 'withdrawn');
const dataOf = ({ data = '' }: ServerSentEvent) => JSON.parse(data) as Record<string, unknown>;

async function withdraw(slug: string): Promise<void> {
  const document = `mutation { withdrawPrompt(input: { slug: "${slug}", channel: "stable" }) { __typename } }`;
  expect((await server.execute(document)).data()).toMatchObject({
    withdrawPrompt: { __typename: 'Promotion' },
  });
}

async function promoteAll(version: number): Promise<void> {
  const items = ['a', 'b', 'c'].map((name) => `{ slug: "${team}/${name}", version: ${version} }`).join(' ');
  const document = `mutation { promoteVersions(input: { items: [${items}] }) { __typename } }`;
  expect((await server.execute(document)).data()).toMatchObject({
    promoteVersions: { __typename: 'PromotionBatch' },
  });
}

describe('the event stream of a channel', () => {
  it('begins with what is served, then tells what changes, in the form of delivery', async () => {
    await promote(server, `${team}/a`, 1);
    const stream = await open(`${STABLE}?prompts=${team}/*`);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
    });
    const delivered = await (await server.get(`/v1/prompts/${team}/a`)).json();
    const snapshot = await stream.next();
    expect([snapshot.event, dataOf(snapshot)]).toEqual([
      'snapshot',
      { reason: 'REQUESTED', part: 1, complete: true, entries: [delivered], more: false },
    ]);
    expect(snapshot.id).toMatch(/^[\w-]+$/);

    await promote(server, `${team}/a`, 2);
    const promoted = await nextChange(stream);
    const now = (await (await server.get(`/v1/prompts/${team}/a`)).json()) as object;
    expect([promoted.event, dataOf(promoted)]).toEqual(['promoted', { ...now, more: false }]);
    expect(promoted.id).toBe((await server.get(`/v1/prompts/${team}/a`)).headers.get('x-promptforge-cursor'));

    await withdraw(`${team}/a`);
    const withdrawn = await nextChange(stream);
    expect([withdrawn.event, dataOf(withdrawn)]).toEqual([
      'withdrawn',
      { slug: `${team}/a`, channel: 'stable', more: false },
    ]);
  });

  it('sends bookmarks, whose id is where the log stands', async () => {
    const stream = await open(`${STABLE}?prompts=${team}/a`);
    await nextChange(stream);
    await promote(server, `${team}/b`, 1);
    const head = (
      await server.execute<{ workspace: { headCursor: string } }, never>('{ workspace { headCursor } }')
    ).data();
    let bookmark = await nextOf(stream, 'bookmark');
    while (bookmark.id !== head.workspace.headCursor) bookmark = await nextOf(stream, 'bookmark');
    expect(dataOf(bookmark)).toEqual({ lagMs: 0 });
  });

  it('tells a commit of three with an id at its end only, so that who comes back in the middle gets all of it', async () => {
    const stream = await open(`${STABLE}?prompts=${team}/*`);
    await nextChange(stream);
    await promoteAll(2);
    const events = [await nextChange(stream), await nextChange(stream), await nextChange(stream)];
    expect(events.map((event) => [event.event, dataOf(event)['slug'], dataOf(event)['more']])).toEqual([
      ['promoted', `${team}/a`, true],
      ['promoted', `${team}/b`, true],
      ['promoted', `${team}/c`, false],
    ]);
    expect(events.map(({ id }) => id !== undefined)).toEqual([false, false, true]);
  });

  it.each(['Last-Event-ID', 'after'])('goes on after the cursor of %s', async (where) => {
    const first = await open(`${STABLE}?prompts=${team}/*`);
    const { id = '' } = await nextChange(first);
    first.abort();
    await promote(server, `${team}/a`, 2);
    await promoteAll(1);
    const second = await (where === 'after'
      ? open(`${STABLE}?prompts=${team}/*&after=${id}`)
      : open(`${STABLE}?prompts=${team}/*`, { 'last-event-id': id }));
    const events = [];
    for (let at = 0; at < 4; at += 1) events.push(await nextChange(second));
    expect(events.map((event) => [dataOf(event)['slug'], dataOf(event)['version']])).toEqual([
      [`${team}/a`, 2],
      [`${team}/a`, 1],
      [`${team}/b`, 1],
      [`${team}/c`, 1],
    ]);
  });

  it('believes Last-Event-ID more than the address, which a browser keeps for all of its attempts', async () => {
    const stream = await open(`${STABLE}?prompts=${team}/*`);
    const { id: before = '' } = await nextChange(stream);
    await promote(server, `${team}/a`, 1);
    const { id: between = '' } = await nextChange(stream);
    await promote(server, `${team}/a`, 2);
    const again = await open(`${STABLE}?prompts=${team}/*&after=${before}`, { 'last-event-id': between });
    expect(dataOf(await nextChange(again))).toMatchObject({ version: 2 });
  });

  it.each([
    ['prompts=T/a,T/b', ['a', 'b']],
    ['prompts=T/a&prompts=T/c', ['a', 'c']],
    ['prompts=T%2Fb', ['b']],
    ['prompts=T/*', ['a', 'b', 'c']],
    ['prompts=T/a&mode=all', ['a']],
    ['prompts=T/a&mode=latest', ['a']],
  ])('follows only what it is asked for by ?%s', async (search, names) => {
    await promoteAll(1);
    const stream = await open(`${STABLE}?${search.replaceAll('T', team)}`);
    const { entries } = dataOf(await nextChange(stream)) as { entries: { slug: string }[] };
    expect(entries.map(({ slug }) => slug)).toEqual(names.map((name) => `${team}/${name}`));
    await promoteAll(2);
    for (const name of names)
      expect(dataOf(await nextChange(stream))).toMatchObject({ slug: `${team}/${name}` });
  });

  it('follows every channel, `latest` too', async () => {
    const stream = await open(`/v1/channels/latest/events?prompts=${team}/*`);
    expect(dataOf(await nextChange(stream))).toMatchObject({ entries: [{ channel: 'latest' }, {}, {}] });
    await editPrompt(server, `${team}/b`, { content: { template: 'b 3' } });
    expect(dataOf(await nextChange(stream))).toMatchObject({
      slug: `${team}/b`,
      version: 3,
      template: 'b 3',
    });
  });

  it('is there for readers, and for pages of CORS_ORIGINS that come back with a cursor', async () => {
    const { key } = await server.createKey('VIEWER');
    const stream = await open(`${STABLE}?prompts=${team}/a`, { origin: APP }, key);
    expect(await stream.next()).toMatchObject({ event: 'snapshot' });
    expect(stream.headers['access-control-allow-origin']).toBe(APP);
    const preflight = await fetch(`${server.url}${STABLE}`, {
      method: 'OPTIONS',
      headers: {
        origin: APP,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,last-event-id',
      },
    });
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/\blast-event-id\b/);
  });

  it('leaves nothing when its client is gone', async () => {
    const streams = [await open(STABLE), await open(`${STABLE}?prompts=${team}/a`)];
    await metricBecomes(server, 'promptforge_stream_connections{transport="SSE"}', 2);
    for (const stream of streams) stream.abort();
    await expect(nothingIsLeft(server)).resolves.toBeUndefined();
  });
});

describe('a request for an event stream', () => {
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${server.url}${path}`, {
      method,
      headers: { accept: 'text/event-stream', authorization: `Bearer ${server.adminKey}`, ...headers },
    });

  it.each([
    ['a pattern that is none', `${STABLE}?prompts=*`, 400, 'INVALID_INPUT'],
    ['an empty pattern', `${STABLE}?prompts=a,,b`, 400, 'INVALID_INPUT'],
    ['more than 100 patterns', `${STABLE}?prompts=${'a,'.repeat(100)}a`, 400, 'INVALID_INPUT'],
    ['a mode that is none', `${STABLE}?mode=some`, 400, 'INVALID_INPUT'],
    ['a cursor that is none', `${STABLE}?after=!`, 400, 'BAD_CURSOR'],
    ['an unknown channel', '/v1/channels/nowhere/events', 404, 'NOT_FOUND'],
    ['what is no channel name', '/v1/channels/No%20Channel/events', 404, 'NOT_FOUND'],
    ['nothing of a channel', '/v1/channels/stable/', 404, 'NOT_FOUND'],
    ['something else of a channel', '/v1/channels/stable/eventss', 404, 'NOT_FOUND'],
  ])('for %s is refused', async (_what, path, status, code) => {
    const response = await get(path);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect([response.status, await response.json()]).toMatchObject([status, { status, code }]);
  });

  it('names what was wrong', async () => {
    expect(await (await get(`${STABLE}?prompts=a,b,*`)).json()).toMatchObject({ field: 'prompts[2]' });
    const cursor = (await (await get(STABLE, { 'last-event-id': 'x' })).json()) as object;
    expect(cursor).toMatchObject({ code: 'BAD_CURSOR', detail: expect.stringContaining('Last-Event-ID') });
  });

  it('that accepts something else is answered with 406, by another method with 405', async () => {
    const json = await get(STABLE, { accept: 'application/json' });
    expect([json.status, await json.json()]).toMatchObject([406, { code: 'NOT_ACCEPTABLE' }]);
    for (const method of ['POST', 'HEAD', 'PUT', 'DELETE']) {
      const response = await get(STABLE, {}, method);
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET']);
    }
  });

  it('is answered with 401 without a key or with a wrong one', async () => {
    const responses = await Promise.all([
      fetch(`${server.url}${STABLE}`),
      get(STABLE, { authorization: 'Bearer nobody' }),
    ]);
    for (const response of responses)
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([
        401,
        'Bearer realm="promptforge"',
      ]);
  });
});
