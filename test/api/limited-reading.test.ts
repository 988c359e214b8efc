import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openFollower } from '../support/follower.ts';
import { keyOf } from './limited-keys.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const COVERED = 'support/one';
const UNCOVERED = 'sales/one';
/** Of the folder, but served on no channel that a limited key covers. */
const DRAFT = 'support/draft';

let server: TestServer;
const ids: Record<string, Record<string, string>> = {};

beforeAll(async () => {
  server = await startTestServer();
  await server.execute('mutation { createChannel(input: { name: "canary" }) { __typename } }');
  for (const slug of [COVERED, UNCOVERED, DRAFT]) {
    await createPrompt(server, slug);
    await editPrompt(server, slug, { content: { template: `second of ${slug}` } });
  }
  for (const slug of [COVERED, UNCOVERED]) {
    await promote(server, slug, 1, { reason: 'because' });
    await promote(server, slug, 2, { channel: 'canary' });
  }
  for (const slug of [COVERED, UNCOVERED, DRAFT]) ids[slug] = await idsOf(slug);
});
afterAll(() => server.close());

async function idsOf(slug: string): Promise<Record<string, string>> {
  const answer = (
    await server.execute(
      'query ($slug: String!) { prompt(slug: $slug) { id latest { id } promotions(first: 1) { edges { node { id } } } } events(first: 1, filter: { prompt: $slug }) { edges { node { id } } } }',
      { slug },
    )
  ).data() as {
    prompt: { id: string; latest: { id: string }; promotions: Edges };
    events: Edges;
  };
  const [promotion] = answer.prompt.promotions.edges;
  const [event] = answer.events.edges;
  return {
    Prompt: answer.prompt.id,
    PromptVersion: answer.prompt.latest.id,
    Promotion: promotion?.node.id ?? '',
    Event: event?.node.id ?? '',
  };
}

interface Edges {
  readonly edges: readonly { readonly node: { readonly id: string } }[];
}

async function ask(key: string, query: string, variables: object = {}) {
  const answer = await server.execute(query, variables as Record<string, unknown>, { key });
  return answer;
}

async function codesOf(key: string, query: string, variables: object = {}) {
  return (await ask(key, query, variables)).errors().map(({ extensions }) => extensions?.code);
}

function get(key: string, path: string): Promise<Response> {
  return server.get(path, { authorization: `Bearer ${key}` });
}

describe('a viewer that is limited to a folder', () => {
  let key: string;
  beforeAll(async () => {
    key = await keyOf(server, 'VIEWER', { prompts: ['support/*'] });
  });

  it('reads everything of what it covers, history and trail too', async () => {
    const query =
      'query ($slug: String!) { prompt(slug: $slug) { slug latest { number message author { name } channels { name } } versions { totalCount } promotions { totalCount } channels { channel { name } } version(number: 1) { number lint { kind } } } events(filter: { prompt: $slug }) { totalCount } }';
    const answer = (await ask(key, query, { slug: COVERED })).data();
    const admin = (await server.execute(query, { slug: COVERED })).data();
    expect(answer).toEqual(admin);
  });

  it('lists, counts and finds nothing else', async () => {
    const query =
      '{ prompts(filter: { archived: null }) { totalCount edges { node { slug } } } search: prompts(filter: { search: "sales" }) { totalCount } folder: prompts(filter: { folder: "sales" }) { totalCount } channel(name: "stable") { serving { totalCount edges { node { prompt { slug } } } } } events(first: 100) { edges { node { payload prompt { slug } } } } }';
    const answer = (await ask(key, query)).data() as {
      prompts: object;
      events: { edges: readonly { node: { prompt: { slug: string } | null } }[] };
    };
    expect(answer).toMatchObject({
      prompts: { totalCount: 2, edges: [{ node: { slug: DRAFT } }, { node: { slug: COVERED } }] },
      search: { totalCount: 0 },
      folder: { totalCount: 0 },
      channel: { serving: { totalCount: 1, edges: [{ node: { prompt: { slug: COVERED } } }] } },
    });
    expect(answer.events.edges.length).toBeGreaterThan(0);
    expect(new Set(answer.events.edges.map(({ node }) => node.prompt?.slug))).toEqual(
      new Set([COVERED, DRAFT]),
    );
    expect(JSON.stringify(answer)).not.toContain('sales');
  });

  it('is answered on what it does not cover as on what does not exist, by slug and by id', async () => {
    const unknown = (await ask(key, '{ prompt(slug: "no/such") { slug } }')).data();
    expect((await ask(key, `{ prompt(slug: "${UNCOVERED}") { slug } }`)).data()).toEqual(unknown);
    const node = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';
    const covered = Object.values(ids[COVERED] ?? {});
    const asked = [...covered, ...Object.values(ids[UNCOVERED] ?? {})];
    expect((await ask(key, node, { ids: asked })).data()).toMatchObject({
      nodes: [...covered.map((id) => ({ id })), null, null, null, null],
    });
  });

  it('fetches by channel and number what it covers, and nothing else', async () => {
    for (const version of ['stable', 'canary', 'latest', '1']) {
      expect((await get(key, `/v1/prompts/${COVERED}?_version=${version}`)).status, version).toBe(200);
      const uncovered = await get(key, `/v1/prompts/${UNCOVERED}?_version=${version}`);
      const unknown = await get(key, `/v1/prompts/sales/two?_version=${version}`);
      expect(uncovered.status).toBe(404);
      expect((await uncovered.text()).replaceAll(UNCOVERED, 'X')).toBe(
        (await unknown.text()).replaceAll('sales/two', 'X'),
      );
    }
  });

  it('reads of policies what concerns it', async () => {
    for (const pattern of [
      '*',
      'sales/*',
      'sales/secret',
      'support/*',
      'support/deep/*',
      'support/one',
      'supported/*',
    ])
      await server.execute(
        'mutation ($p: String!) { setChannelPolicy(input: { channel: "canary", pattern: $p }) { __typename } }',
        { p: pattern },
      );
    const answer = (await ask(key, '{ channel(name: "canary") { policies { pattern } } }')).data();
    expect(answer).toEqual({
      channel: {
        policies: ['*', 'support/*', 'support/deep/*', 'support/one'].map((pattern) => ({ pattern })),
      },
    });
  });

  it('does not see who listens, whose patterns name other prompts', async () => {
    expect(await codesOf(key, '{ channel(name: "stable") { subscribers { totalCount } } }')).toEqual([
      'FORBIDDEN',
    ]);
  });
});

describe('a service that is limited to a folder on a channel', () => {
  let key: string;
  beforeAll(async () => {
    key = await keyOf(server, 'SERVICE', { prompts: ['support/*'], channels: ['stable'] });
  });

  it('reads what the channel serves, with all that a served version needs', async () => {
    const query =
      'query ($slug: String!) { prompt(slug: $slug) { id slug kind description tags owner a: version(channel: "stable") { id number kind template messages { content } config variables { name } contentHash createdAt render { __typename } prompt { slug } } b: version(channel: "canary") { number } channels { channel { name } version { number } } } channels { name } channel(name: "stable") { name serving { totalCount edges { node { prompt { slug } version { number } promotion { id kind createdAt cursor } } } } } workspace { headCursor } }';
    expect((await ask(key, query, { slug: COVERED })).data()).toMatchObject({
      prompt: { slug: COVERED, a: { number: 1 }, b: null, channels: [{ channel: { name: 'stable' } }] },
      channels: [{ name: 'stable' }],
      channel: { serving: { totalCount: 1, edges: [{ node: { prompt: { slug: COVERED } } }] } },
    });
  });

  it('is answered on what is not served to it as on what does not exist', async () => {
    for (const slug of [UNCOVERED, DRAFT])
      expect((await ask(key, `{ prompt(slug: "${slug}") { slug } }`)).data()).toEqual({ prompt: null });
    expect((await ask(key, '{ channel(name: "canary") { name } }')).data()).toEqual({ channel: null });
    const node = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }';
    const asked = [UNCOVERED, DRAFT].map((slug) => ids[slug]?.['Prompt']);
    expect((await ask(key, node, { ids: asked })).data()).toEqual({ nodes: [null, null] });
  });

  it.each([
    'latest { number }',
    'versions { totalCount }',
    'version(number: 1) { number }',
    'promotions { totalCount }',
    'usage(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z") { number }',
    'version(channel: "stable") { message }',
    'version(channel: "stable") { author { name } }',
    'version(channel: "stable") { basedOn { number } }',
    'version(channel: "stable") { channels { name } }',
    'version(channel: "stable") { diff(against: 1) { unified } }',
    'version(channel: "stable") { lint { kind } }',
    'version(channel: "stable") { consumers { lastUsedAt } }',
    'version(channel: "stable") { usage(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z") { total } }',
    'channels { promotion { reason } }',
    'channels { promotion { actor { name } } }',
    'channels { channel { subscribers { totalCount } } }',
  ])('may not read %s', async (selection) => {
    expect(await codesOf(key, `{ prompt(slug: "${COVERED}") { ${selection} } }`)).toEqual(['FORBIDDEN']);
  });

  it.each(['prompts { totalCount }', 'events { totalCount }', 'workspaces { totalCount }'])(
    'may not ask for %s',
    async (field) => {
      expect(await codesOf(key, `{ ${field} }`)).toEqual(['FORBIDDEN']);
    },
  );

  it('fetches by channel what it covers; a number is 403, whether the prompt exists or not', async () => {
    expect((await get(key, `/v1/prompts/${COVERED}`)).status).toBe(200);
    for (const path of [`${COVERED}?_version=canary`, UNCOVERED, DRAFT, 'no/such'])
      expect((await get(key, `/v1/prompts/${path}`)).status, path).toBe(404);
    const numbers = await Promise.all(
      [COVERED, UNCOVERED, 'no/such'].map(async (slug) => {
        const response = await get(key, `/v1/prompts/${slug}?_version=1`);
        return [response.status, await response.text()];
      }),
    );
    expect(numbers[0]?.[0]).toBe(403);
    expect(numbers[1]).toEqual(numbers[0]);
    expect(numbers[2]).toEqual(numbers[0]);
  });

  it('may not read the figures of the node', async () => {
    expect((await get(key, '/metrics')).status).toBe(403);
  });

  it('follows what it covers, and is told of nothing else', async () => {
    const follower = await openFollower(server, 'snapshot: true', { key });
    expect(await follower.nextEvent()).toMatchObject({
      __typename: 'ChannelSnapshot',
      entries: [{ prompt: { slug: COVERED } }],
    });
    await promote(server, UNCOVERED, 2);
    await promote(server, COVERED, 2);
    expect(await follower.nextEvent()).toMatchObject({ __typename: 'VersionPromoted', slug: COVERED });
    const refused = await codesOfSubscription(key, 'channelEvents(prompts: ["sales/*"]) { cursor }');
    expect(refused).toEqual(['FORBIDDEN']);
    expect(await codesOfSubscription(key, 'channelEvents(channel: "canary") { cursor }')).toEqual(
      await codesOfSubscription(key, 'channelEvents(channel: "nowhere") { cursor }'),
    );
    expect(
      await codesOfSubscription(key, 'channelEvents { ... on VersionPromoted { version { number } } }', 200),
    ).toEqual([]);
  });

  it('reads the event stream of what it covers; another channel is 404, a pattern beyond is 403', async () => {
    const stream = await openEventStream(`${server.url}/v1/channels/stable/events`, { key });
    const { data = '' } = await stream.next();
    expect(JSON.parse(data)).toMatchObject({ entries: [{ slug: COVERED }] });
    const answers = [
      '/v1/channels/canary/events',
      '/v1/channels/nowhere/events',
      '/v1/channels/stable/events?prompts=sales/one',
    ];
    const streams = await Promise.all(
      answers.map((path) =>
        openEventStream(`${server.url}${path}`, { key }).then(
          () => 'opened',
          (error: Error) => error.message.slice(0, 12),
        ),
      ),
    );
    expect(streams).toEqual(['answered 404', 'answered 404', 'answered 403']);
  });
});

/** The codes of what answers instead of a stream; none when the stream was opened. */
async function codesOfSubscription(
  key: string,
  field: string,
  patienceMs = 10_000,
): Promise<(string | undefined)[]> {
  const aborter = new AbortController();
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
    },
    body: JSON.stringify({ query: `subscription { ${field} }` }),
    signal: aborter.signal,
  });
  const timer = setTimeout(() => aborter.abort(), patienceMs);
  const text = await response.text().catch(() => '');
  clearTimeout(timer);
  const line = /^data: (.+)$/m.exec(text)?.[1];
  if (line === undefined) return [];
  const { errors = [] } = JSON.parse(line) as { errors?: { extensions?: { code?: string } }[] };
  return errors.map(({ extensions }) => extensions?.code);
}
