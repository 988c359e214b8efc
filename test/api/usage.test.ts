import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { graphql } from '../support/gql/index.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createOtherWorkspace, createPrompt, editPrompt, promote } from './registry.ts';

const VersionUsage = graphql(`
  query UsageOfVersion($slug: String!, $number: Int!, $from: DateTime!, $to: DateTime!, $since: DateTime) {
    prompt(slug: $slug) {
      version(number: $number) {
        usage(from: $from, to: $to) {
          fetched
          pushed
          total
        }
        consumers(since: $since) {
          actor {
            kind
            name
          }
          channel
          lastUsedAt
          fetched
          pushed
        }
      }
    }
  }
`);

const PromptUsage = graphql(`
  query UsageOfPrompt($slug: String! = "used/text", $from: DateTime!, $to: DateTime!, $step: UsageStep) {
    prompt(slug: $slug) {
      usage(from: $from, to: $to, step: $step) {
        at
        number
        fetched
        pushed
      }
    }
  }
`);

const Counting = graphql(`
  query UsageCounting($first: Int!, $from: DateTime!, $to: DateTime!) {
    prompts(first: $first) {
      edges {
        node {
          usage(from: $from, to: $to, step: DAY) {
            number
            fetched
          }
          latest {
            usage(from: $from, to: $to) {
              total
            }
            consumers(first: 3) {
              fetched
            }
          }
        }
      }
    }
  }
`);

const HOUR_MS = 3_600_000;

let server: TestServer;
let reader: { key: string };

beforeAll(async () => {
  server = await startTestServer();
  reader = await server.createKey('VIEWER');
  await createPrompt(server, 'used/text', { content: { template: 'Hi {{name}}' } });
  await editPrompt(server, 'used/text', { content: { template: 'two' } });
  await promote(server, 'used/text', 1);
});
afterAll(() => server.close());

beforeEach(async () => {
  await server.database.query('TRUNCATE version_usage');
});

const path = '/v1/prompts/used/text';
const day = () => ({
  from: new Date(Date.now() - 12 * HOUR_MS).toISOString(),
  to: new Date(Date.now() + 12 * HOUR_MS).toISOString(),
});

/** On another node of the same database: it stores what it has counted when it stops, however fresh that is. */
async function onNode(use: (get: TestServer['get'], node: TestServer) => Promise<unknown>): Promise<void> {
  const node = await startTestServer({
    database: server.database,
    config: { adminKey: 'configured-admin-key-of-a-test' },
  });
  try {
    const get: TestServer['get'] = (url, headers = {}) =>
      node.get(url, { authorization: `Bearer ${reader.key}`, ...headers });
    await use(get, node);
  } finally {
    await node.close();
  }
}

async function usageOf(number: number, slug = 'used/text') {
  const answer = await server.execute(VersionUsage, { slug, number, ...day() });
  const version = answer.data().prompt?.version;
  if (!version) throw new Error(`there is no version ${number} of ${slug}`);
  return version;
}

describe('fetches', () => {
  it('are counted: 200 in every representation, 304, and render; by version, channel and key', async () => {
    await onNode(async (get, node) => {
      const { headers } = await get(path);
      const etag = headers.get('etag') ?? '';
      expect((await get(path, { 'if-none-match': etag })).status).toBe(304);
      expect((await get(path, { accept: 'text/plain' })).status).toBe(200);
      expect((await get(`${path}?_version=1`)).status).toBe(200);
      expect((await get(`${path}?_version=latest`)).status).toBe(200);
      const rendered = await fetch(`${node.url}${path}/render`, {
        method: 'POST',
        headers: { authorization: `Bearer ${node.adminKey}` },
        body: JSON.stringify({ variables: { name: 'Ada' } }),
      });
      expect(rendered.status).toBe(200);
    });
    const first = await usageOf(1);
    expect(first.usage).toEqual({ fetched: 5, pushed: 0, total: 5 });
    const key = { kind: 'API_KEY', name: 'VIEWER of a test' };
    const lastUsedAt = expect.stringMatching(/:00\.000Z$/) as string;
    const consumers = first.consumers.toSorted((a, b) => b.fetched - a.fetched);
    expect(consumers[0]).toEqual({ actor: key, channel: 'stable', lastUsedAt, fetched: 3, pushed: 0 });
    expect(consumers).toHaveLength(3);
    expect(consumers).toContainEqual({ actor: key, channel: null, lastUsedAt, fetched: 1, pushed: 0 });
    expect(consumers).toContainEqual({
      actor: { kind: 'API_KEY', name: 'PROMPTFORGE_ADMIN_KEY' },
      channel: 'stable',
      lastUsedAt,
      fetched: 1,
      pushed: 0,
    });
    expect(await usageOf(2)).toMatchObject({ usage: { fetched: 1 }, consumers: [{ channel: 'latest' }] });
  });

  it('are counted by the graph as well: each version in an answer, made or kept, once', async () => {
    await onNode(async (_get, node) => {
      const query =
        '{ prompt(slug: "used/text") { a: version(channel: "stable") { number } b: version(channel: "stable") { kind } c: version(number: 2) { number } } }';
      for (let time = 0; time < 3; time += 1) (await node.execute(query)).data();
    });
    expect(await usageOf(1)).toMatchObject({ usage: { fetched: 3 }, consumers: [{ channel: 'stable' }] });
    expect(await usageOf(2)).toMatchObject({ usage: { fetched: 3 }, consumers: [{ channel: null }] });
  });

  it('are the same, whether answers are kept or made anew', async () => {
    const query =
      '{ prompt(slug: "used/text") { a: version(channel: "stable") { number } b: version(channel: "latest") { number } } }';
    const asked = `/graphql?query=${encodeURIComponent(query)}`;
    const json = { accept: 'application/json' };
    /** Each four times. `again`: what the address is told apart by. */
    const counted = async (again: (time: number) => string) => {
      await server.database.query('TRUNCATE version_usage');
      await onNode(async (get) => {
        const etag = (await get(path)).headers.get('etag') ?? '';
        for (let time = 0; time < 4; time += 1) {
          const end = again(time);
          for (const version of ['stable', 'latest', '2'])
            expect((await get(`${path}?_version=${version}${end}`)).status).toBe(200);
          expect((await get(`${path}?${end}`, { 'if-none-match': etag })).status).toBe(304);
          expect((await get(asked + '%20'.repeat(end.length), json)).status).toBe(200);
        }
      });
      return server.database.query<{ fetched: number }>(
        `SELECT version, channel, actor_id, sum(fetched)::int AS fetched FROM version_usage GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
      );
    };
    const [kept, made] = [await counted(() => ''), await counted((time) => `&${'x'.repeat(time)}`)];
    expect(kept).toEqual(made);
    expect(kept.map(({ fetched }) => fetched)).toEqual([13, 4, 8]);
  });

  it('are not: HEAD, refusals, and queries of the graph that ask for more than what is served', async () => {
    await onNode(async (get, node) => {
      const authorization = { authorization: `Bearer ${reader.key}` };
      await fetch(`${node.url}${path}`, { method: 'HEAD', headers: authorization });
      const { headers } = await fetch(`${node.url}${path}`, { method: 'HEAD', headers: authorization });
      const known = { ...authorization, 'if-none-match': headers.get('etag') ?? '' };
      await fetch(`${node.url}${path}`, { method: 'HEAD', headers: known });
      await get(path, { accept: 'image/png' });
      await get(`${path}?_version=77`);
      await fetch(`${node.url}${path}/render`, { method: 'POST', headers: authorization, body: '{}' });
      await node.execute('{ prompt(slug: "used/text") { owner version(channel: "stable") { template } } }');
    });
    expect(await usageOf(1)).toEqual({ usage: { fetched: 0, pushed: 0, total: 0 }, consumers: [] });
    expect(await server.database.query('SELECT * FROM version_usage')).toEqual([]);
  });

  it('stay in their workspace', async () => {
    await onNode((get) => get(path));
    const other = await createOtherWorkspace(server);
    await server.database.query('UPDATE version_usage SET workspace_id = $1', [other.workspaceId]);
    expect(await usageOf(1)).toEqual({ usage: { fetched: 0, pushed: 0, total: 0 }, consumers: [] });
    const series = await server.execute(PromptUsage, day());
    expect(series.data().prompt?.usage).toEqual([]);
  });
});

describe('the usage of a prompt', () => {
  it('is cut into steps, hours unless asked otherwise, each with the versions that were used in it', async () => {
    await onNode(async (get) => {
      await get(path);
      await get(`${path}?_version=2`);
      await get(`${path}?_version=2`);
    });
    for (const [step, stepMs] of [
      [undefined, HOUR_MS],
      ['MINUTE', 60_000],
      ['DAY', 24 * HOUR_MS],
    ] as const) {
      const now = Date.now();
      const from = new Date(now - 2 * HOUR_MS).toISOString();
      const to = new Date(now + 2 * HOUR_MS).toISOString();
      const answer = await server.execute(PromptUsage, { from, to, ...(step === undefined ? {} : { step }) });
      const points = answer.data().prompt?.usage ?? [];
      for (const { at } of points) expect(Date.parse(at) % stepMs).toBe(0);
      const fetched = (number: number) =>
        points.filter((point) => point.number === number).reduce((sum, point) => sum + point.fetched, 0);
      expect([fetched(1), fetched(2)]).toEqual([1, 2]);
    }
  });
});

describe('a question that cannot be answered', () => {
  const time = (dayOfYear: number) => new Date(Date.UTC(2026, 0, dayOfYear)).toISOString();

  it.each([
    ['from', 'usage(from: $from, to: $to)', 2, 2],
    ['from', 'usage(from: $from, to: $to)', 3, 2],
    ['from', 'version(number: 1) { usage(from: $from, to: $to)', 3, 2],
    ['step', 'usage(from: $from, to: $to)', 1, 60],
    ['step', 'usage(from: $from, to: $to, step: MINUTE)', 1, 2],
    ['step', 'usage(from: $from, to: $to, step: DAY)', 1, 1_002],
  ])('is refused for its %s: %s from day %i to %i', async (field, selection, from, to) => {
    const close = selection.includes('version') ? '} }' : '}';
    const core = selection.includes('version') ? 'total' : 'fetched';
    const answer = await server.execute(
      `query($from: DateTime!, $to: DateTime!) { prompt(slug: "used/text") { ${selection} { ${core} ${close} } }`,
      { from: time(from), to: time(to) },
    );
    const [error] = answer.errors();
    expect(error?.extensions).toMatchObject({ code: 'INVALID_INPUT', field });
    expect(error?.message).toMatch(/give an earlier time|ask for/);
  });

  it.each([-1, 101])('is refused for %i consumers', async (first) => {
    const answer = await server.execute(
      `query($first: Int) { prompt(slug: "used/text") { latest { consumers(first: $first) { fetched } } } }`,
      { first },
    );
    expect(answer.errors()[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: 'first' });
  });

  it('is refused for the points that it would give', async () => {
    await createPrompt(server, 'used/often');
    for (let version = 2; version <= 6; version += 1)
      await editPrompt(server, 'used/often', { content: { template: `version ${version}` } });
    await server.database.query(
      `INSERT INTO version_usage SELECT workspace_id, id, 1 + i % 6, '2026-03-01'::timestamptz + i / 6 * interval '1 minute', '', 'k', 'API_KEY', 'web', 1, 0
       FROM prompt, generate_series(0, 5999) i WHERE slug = 'used/often'`,
    );
    const ask = (minutes: number) =>
      server.execute(PromptUsage, {
        slug: 'used/often',
        from: new Date(Date.UTC(2026, 2, 1)).toISOString(),
        to: new Date(Date.UTC(2026, 2, 1, 0, minutes)).toISOString(),
        step: 'MINUTE',
      });
    expect((await ask(833)).data().prompt?.usage).toHaveLength(4_998);
    const [error] = (await ask(1_000)).errors();
    expect(error?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: 'step' });
    expect(error?.message).toContain('more than 5000 points');
  });
});

it('costs as many statements for 30 prompts as for 10', async () => {
  for (let index = 0; index < 30; index += 1) await createPrompt(server, `counted/p-${index}`);
  const statementsOf = async (first: number) => {
    await server.execute(Counting, { first, ...day() });
    server.statements.length = 0;
    (await server.execute(Counting, { first, ...day() })).data();
    // The list and the sums of its rows; what a node asks by itself meanwhile is none of them.
    return server.statements.filter((sql) => /used\.fetched|"Prompt_latest"/.test(sql)).length;
  };
  const ten = await statementsOf(10);
  expect(ten).toBeLessThanOrEqual(4);
  expect(await statementsOf(30)).toBe(ten);
});
