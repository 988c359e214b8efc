import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { addManyEvents } from '../support/many-events.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

const EVENTS = `{
  events(first: 100) {
    nodes: edges { node { seq commitSeq type at payload sourceAddress userAgent requestId hash prevHash hashedText actor { kind name } } }
  }
}`;
const PATH = '/v1/audit/events';
/** More than the sockets and one page hold. */
const MANY = 20_000;

interface Line {
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly actor: { readonly kind: string; readonly id: string; readonly name: string };
  readonly promptId: string | null;
  readonly promotionId: string | null;
  readonly workspaceId: string;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ times: { auditStalledMs: 300 } });
  for (const slug of ['served/a', 'served/b']) {
    await createPrompt(server, slug);
    await promote(server, slug, 1);
  }
});
afterAll(() => server.close());

async function lines(query = ''): Promise<Line[]> {
  const response = await server.get(`${PATH}${query}`);
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'application/x-ndjson; charset=utf-8',
  ]);
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

const seqs = (list: readonly Line[]) => list.map(({ seq }) => seq);

describe('the export of the audit trail', () => {
  it('has every event with all that the graph shows of it, oldest first, and ends', async () => {
    const data = (
      await server.execute<{ events: { nodes: { node: { actor: object } }[] } }, object>(EVENTS)
    ).data();
    const shown = data.events.nodes.map(({ node }) => node).toReversed();
    const exported = await lines();
    expect(exported).toMatchObject(shown.map(({ actor, ...node }) => ({ ...node, actor: { ...actor } })));
    expect(exported).toHaveLength(shown.length);
    expect(Object.keys(exported[0] ?? {})).toEqual(
      'workspaceId seq commitSeq type actor at promptId promotionId payload sourceAddress userAgent requestId prevHash hash hashedText'.split(
        ' ',
      ),
    );
  });

  it('names prompts and promotions by the ids that are hashed', async () => {
    const [row] = await server.database.query<{ id: string; prompt_id: string; workspace_id: string }>(
      `SELECT pr.id, pr.prompt_id, pr.workspace_id FROM "promotion" pr JOIN "channel" c ON c.id = pr.channel_id WHERE c.name = 'stable' ORDER BY pr.created_at LIMIT 1`,
    );
    const line = (await lines('?types=VersionPromoted')).find(({ promotionId }) => promotionId === row?.id);
    expect(line).toMatchObject({ promptId: row?.prompt_id, workspaceId: row?.workspace_id });
  });

  it('goes on after the last event that the client has', async () => {
    const all = await lines();
    const head = all.at(-1)?.seq ?? 0;
    expect(seqs(await lines('?after=3'))).toEqual(seqs(all.slice(3)));
    expect(await lines(`?after=${head}`)).toEqual([]);
    expect(await lines(`?after=${head + 10}`)).toEqual([]);
    const response = await server.get(PATH);
    expect(response.headers.get('x-promptforge-audit-head')).toBe(String(head));
    await response.text();
  });

  it('takes the filters of the graph, all together', async () => {
    const promoted = await lines('?types=VersionPromoted,PromptCreated&prompt=served/b&actor=first%20admin');
    expect(promoted.map(({ type }) => type)).toEqual(['PromptCreated', 'VersionPromoted', 'VersionPromoted']);
    expect(await lines('?prompt=served/none')).toEqual([]);
    const all = await lines();
    const middle = all[4];
    const since = encodeURIComponent(middle?.at ?? '');
    const [from, before] = [await lines(`?since=${since}`), await lines(`?until=${since}`)];
    expect(from.every(({ at }) => at >= (middle?.at ?? ''))).toBe(true);
    expect(seqs([...before, ...from])).toEqual(seqs(all));
  });

  it.each([
    ['since=yesterday', 'since'],
    ['until=2026-13-01T00:00:00Z', 'until'],
    ['after=-1', 'after'],
    ['after=1&after=2', 'after'],
    ['types=', 'types'],
    [`types=${'x,'.repeat(60)}x`, 'types'],
    [`actor=${'x'.repeat(201)}`, 'actor'],
    ['prompt=a%00b', 'prompt'],
    ['limit=5', 'limit'],
  ])('refuses ?%s', async (query, field) => {
    const response = await server.get(`${PATH}?${query}`);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      400,
      'application/problem+json; charset=utf-8',
    ]);
    expect(await response.json()).toMatchObject({ code: 'INVALID_INPUT', field });
  });

  it.each(['POST', 'HEAD', 'DELETE'])('knows no %s', async (method) => {
    const headers = { authorization: `Bearer ${server.adminKey}` };
    const response = await fetch(`${server.url}${PATH}`, { method, headers });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET']);
  });

  it('is for whoever may read everything', async () => {
    const keyOf = async (role: 'VIEWER' | 'SERVICE') => (await server.createKey(role)).key;
    const get = (key: string) => server.get(PATH, { authorization: `Bearer ${key}` });
    const viewer = await get(await keyOf('VIEWER'));
    await viewer.text();
    expect(viewer.status).toBe(200);
    expect((await get(await keyOf('SERVICE'))).status).toBe(403);
    expect((await get('nobody')).status).toBe(401);
  });

  it('is not for whom folders limit', async () => {
    const { id, key } = await server.createKey('VIEWER');
    await server.database.query(`UPDATE "api_key" SET prompts = '["served/*"]' WHERE id = $1`, [id]);
    const response = await server.get(PATH, { authorization: `Bearer ${key}` });
    expect([response.status, await response.json()]).toMatchObject([403, { code: 'FORBIDDEN' }]);
  });
});

describe('an export that is long', () => {
  beforeAll(async () => {
    await addManyEvents(server.database, 'default', MANY);
  });

  /** A client that reads nothing until it is told to. */
  async function open(): Promise<IncomingMessage> {
    const headers = { authorization: `Bearer ${server.adminKey}` };
    const sent = request(`${server.url}${PATH}`, { headers, agent: false });
    sent.on('error', () => undefined);
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.pause();
    onTestFinished(() => void sent.destroy());
    return response;
  }

  it('waits for its reader: pages are read as they are taken', async () => {
    server.statements.length = 0;
    const ended = () => server.logged.filter(({ msg, path }) => msg === 'request' && path === PATH).length;
    const before = ended();
    const response = await open();
    const pages = () => server.statements.filter((sql) => sql.includes('json_agg(json_build_object')).length;
    await expect.poll(ended, { timeout: 25_000 }).toBe(before + 1);
    expect(pages()).toBeGreaterThan(1);
    expect(pages()).toBeLessThan(MANY / 1_000 / 2);
    expect(response.complete).toBe(false);
  });

  it('comes whole to a reader that reads', async () => {
    const all = seqs(await lines());
    expect(all).toEqual(Array.from({ length: all.length }, (_, index) => index + 1));
    expect(all.length).toBeGreaterThan(MANY);
  });

  it('is one of at most four at once', async () => {
    const responses = await Promise.all(Array.from({ length: 4 }, () => open()));
    for (const response of responses) response.on('error', () => undefined);
    const refused = await server.get(PATH);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    for (const response of responses) response.destroy();
    await expect.poll(async () => (await server.get(`${PATH}?after=${MANY}`)).status).toBe(200);
  });
});
