import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VariableInput } from '../support/gql/graphql.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'deliver/text', {
    content: { template: 'one {{a}}', config: { model: 'm' }, variables: [{ name: 'b', type: 'NUMBER' }] },
  });
  await editPrompt(server, 'deliver/text', { content: { template: 'two' } });
  await promote(server, 'deliver/text', 1);
  await createPrompt(server, 'deliver/chat', {
    content: { messages: [{ role: 'USER', content: 'Hi {{who}}' }] },
  });
  await promote(server, 'deliver/chat', 1);
});
afterAll(() => server.close());

const TEXT = '/v1/prompts/deliver/text';

type Members = Readonly<Record<string, unknown>>;
type Hashed = Members & { kind: string; config: unknown; variables: Members[]; contentHash: string };

const withoutNulls = (members: Members): Members =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));

/** As docs/http.md tells a client to do it. */
function recomputed({ kind, template, messages, config, variables }: Hashed): string {
  const source = kind === 'TEXT' ? { template } : { messages: (messages as Members[]).map(withoutNulls) };
  const declared = variables.flatMap(({ declared: isDeclared, ...variable }) =>
    isDeclared === true ? [withoutNulls(variable)] : [],
  );
  const canonical = canonicalize({ kind, ...source, config, variables: declared }) ?? '';
  return `sha256:${createHash('sha256').update(canonical).digest('hex')}`;
}

describe('GET /v1/prompts/{slug}', () => {
  it('answers with what stable serves, and where it comes from', async () => {
    const response = await server.get(TEXT);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const body = (await response.json()) as Record<string, unknown>;
    expect(body).toEqual({
      slug: 'deliver/text',
      version: 1,
      channel: 'stable',
      kind: 'TEXT',
      template: 'one {{a}}',
      config: { model: 'm' },
      variables: [
        { name: 'a', type: 'STRING', required: true, declared: false },
        { name: 'b', type: 'NUMBER', required: true, declared: true },
      ],
      contentHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
      promotedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    });
    const graph = await server.execute(
      '{ prompt(slug: "deliver/text") { version(channel: "stable") { contentHash } promotions(channel: "stable", first: 1) { edges { node { cursor createdAt } } } } }',
    );
    const { prompt } = graph.data() as {
      prompt: {
        version: { contentHash: string };
        promotions: { edges: { node: { cursor: string; createdAt: string } }[] };
      };
    };
    expect(body['contentHash']).toBe(prompt.version.contentHash);
    expect(body['promotedAt']).toBe(prompt.promotions.edges[0]?.node.createdAt);
    expect(response.headers.get('x-promptforge-version')).toBe('1');
    expect(response.headers.get('x-promptforge-cursor')).toBe(prompt.promotions.edges[0]?.node.cursor);
    expect(response.headers.get('x-promptforge-stale')).toBeNull();
  });

  it('answers with what contentHash can be recomputed from, as the graph does', async () => {
    const variables: VariableInput[] = [
      { name: 'unused', type: 'JSON', default: { k: [null, 'é'] } },
      { name: 'customer', description: 'Who asks' },
      { name: 'tone', type: 'ENUM', options: ['warm', 'dry'], required: false },
    ];
    const messages = [
      { role: 'SYSTEM' as const, content: 'Be {{tone}} and {{undeclared}}.' },
      { role: 'USER' as const, content: 'I am {{customer}}', name: 'ann' },
    ];
    const texts = { 'hash/text': { template: '{{tone}} {{customer}} {{free}}' }, 'hash/chat': { messages } };
    for (const [slug, text] of Object.entries(texts)) {
      await createPrompt(server, slug, { content: { ...text, variables, config: { b: null, a: 1.5 } } });
      const body = (await (await server.get(`/v1/prompts/${slug}?_version=1`)).json()) as Hashed;
      expect(body.variables.map(({ name }) => name)).not.toEqual(variables.map(({ name }) => name));
      expect(recomputed(body)).toBe(body.contentHash);

      const graph = await server.execute(
        `{ prompt(slug: "${slug}") { kind latest { template messages { role content name } config contentHash
           variables { name type required default description options declared } } } }`,
      );
      const { prompt } = graph.data() as { prompt: { kind: string; latest: Hashed } };
      expect(recomputed({ ...prompt.latest, kind: prompt.kind })).toBe(body.contentHash);
    }
  });

  it('gives every promotion of a batch the cursor of the end of the commit', async () => {
    for (const slug of ['batch/a', 'batch/b', 'batch/c']) await createPrompt(server, slug);
    const answer = await server.execute(`mutation { promoteVersions(input: { items: [
      { slug: "batch/a", version: 1 }, { slug: "batch/b", version: 1 }, { slug: "batch/c", version: 1 }] }) { ... on PromotionBatch { cursor promotions { cursor } } } }`);
    const { promoteVersions } = answer.data() as {
      promoteVersions: { cursor: string; promotions: { cursor: string }[] };
    };
    const cursors = await Promise.all(
      ['batch/a', 'batch/b', 'batch/c'].map(async (slug) =>
        (await server.get(`/v1/prompts/${slug}`)).headers.get('x-promptforge-cursor'),
      ),
    );
    expect(promoteVersions.promotions.map(({ cursor }) => cursor)).toEqual(cursors);
    expect(new Set([...cursors, promoteVersions.cursor]).size).toBe(1);
  });

  it('answers a chat with messages and no template', async () => {
    const body = (await (await server.get('/v1/prompts/deliver/chat')).json()) as Record<string, unknown>;
    expect(body).toMatchObject({ kind: 'CHAT', messages: [{ role: 'USER', content: 'Hi {{who}}' }] });
    expect(body).not.toHaveProperty('template');
  });

  it('serves other channels and numbers; a number has neither channel nor time of promotion', async () => {
    expect(await (await server.get(`${TEXT}?_version=latest`)).json()).toMatchObject({
      version: 2,
      channel: 'latest',
      template: 'two',
    });
    const numbered = await server.get(`${TEXT}?_version=2`);
    expect(await numbered.json()).toMatchObject({ version: 2, channel: null, promotedAt: null });
    expect(numbered.headers.get('x-promptforge-cursor')).toBeNull();
    expect(numbered.headers.get('x-promptforge-version')).toBe('2');
  });

  it('may be kept for ever when a number was asked for, and asked again each time for a channel', async () => {
    const [channel, number] = [await server.get(TEXT), await server.get(`${TEXT}?_version=1`)];
    expect(channel.headers.get('cache-control')).toBe('private, no-cache');
    expect(number.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
    for (const { headers } of [channel, number]) expect(headers.get('vary')).toBe('Accept, Authorization');
  });

  it('takes slashes of a slug as they are or escaped, in any case', async () => {
    for (const path of ['deliver/text', 'deliver%2Ftext', 'deliver%2ftext', '%64eliver/text']) {
      expect((await server.get(`/v1/prompts/${path}`)).status, path).toBe(200);
    }
  });

  it('ignores other parameters', async () => {
    expect((await server.get(`${TEXT}?a=1&version=latest`)).headers.get('x-promptforge-version')).toBe('1');
  });
});

describe('ETags', () => {
  it('are strong, differ between representations and versions, and stay while nothing moves', async () => {
    const etagOf = async (path: string, headers = {}) =>
      (await server.get(path, headers)).headers.get('etag') ?? '';
    const etags = [
      await etagOf(TEXT),
      await etagOf(TEXT, { accept: 'text/plain' }),
      await etagOf(`${TEXT}?_version=latest`),
      await etagOf(`${TEXT}?_version=1`),
    ];
    expect(new Set(etags).size).toBe(4);
    for (const etag of etags) expect(etag).toMatch(/^"[\w-]+"$/);
    expect(await etagOf(TEXT)).toBe(etags[0]);
  });

  it('answer 304 without a body to whoever has it already: alone, in a list, weakened, or any', async () => {
    const etag = (await server.get(TEXT)).headers.get('etag') ?? '';
    for (const header of [etag, `"other", ${etag}`, `"a","b" ,W/${etag}`, `W/${etag}`, '*', ' * ']) {
      const response = await server.get(TEXT, { 'if-none-match': header });
      expect(response.status, header).toBe(304);
      expect(await response.text()).toBe('');
      expect(response.headers.get('etag')).toBe(etag);
      expect(response.headers.get('cache-control')).toBe('private, no-cache');
      expect(response.headers.get('vary')).toBe('Accept, Authorization');
      expect(response.headers.get('x-promptforge-version')).toBe('1');
    }
  });

  it('answer in full to whoever has another one', async () => {
    const etag = (await server.get(TEXT)).headers.get('etag') ?? '';
    const text = (await server.get(TEXT, { accept: 'text/plain' })).headers.get('etag') ?? '';
    for (const header of ['"other"', text, etag.slice(1, -1), '', `"x${etag}"`, '"*"']) {
      expect((await server.get(TEXT, { 'if-none-match': header })).status, header).toBe(200);
    }
  });

  it('change when the channel moves, and 304 turns into the new version at once', async () => {
    await createPrompt(server, 'etag/moves');
    await editPrompt(server, 'etag/moves', { content: { template: 'next' } });
    await promote(server, 'etag/moves', 1);
    const etag = (await server.get('/v1/prompts/etag/moves')).headers.get('etag') ?? '';
    await promote(server, 'etag/moves', 2);
    const response = await server.get('/v1/prompts/etag/moves', { 'if-none-match': etag });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ version: 2, template: 'next' });
  });
});

describe('HEAD', () => {
  it('answers with the headers of GET and no body', async () => {
    const options = { method: 'HEAD', headers: { authorization: `Bearer ${server.adminKey}` } };
    const [head, get] = [await fetch(`${server.url}${TEXT}`, options), await server.get(TEXT)];
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    for (const name of [
      'etag',
      'content-type',
      'content-length',
      'vary',
      'cache-control',
      'x-promptforge-version',
      'x-promptforge-cursor',
    ]) {
      expect(head.headers.get(name), name).toBe(get.headers.get(name));
    }
    const etag = head.headers.get('etag') ?? '';
    const known = await fetch(`${server.url}${TEXT}`, {
      ...options,
      headers: { ...options.headers, 'if-none-match': etag },
    });
    expect(known.status).toBe(304);
  });
});

describe('Accept', () => {
  it.each([
    ['text/plain', 'text/plain; charset=utf-8'],
    ['text/*', 'text/plain; charset=utf-8'],
    ['application/json;q=0.1, text/plain', 'text/plain; charset=utf-8'],
    ['application/json', 'application/json; charset=utf-8'],
    ['*/*', 'application/json; charset=utf-8'],
    ['text/html, */*;q=0.1', 'application/json; charset=utf-8'],
    ['application/*', 'application/json; charset=utf-8'],
    ['text/plain;q=0, */*', 'application/json; charset=utf-8'],
  ])('%s is answered with %s', async (accept, type) => {
    const response = await server.get(TEXT, { accept });
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).toMatch(type.startsWith('text/') ? /^one \{\{a\}\}$/ : /^\{"slug"/);
  });

  it.each([
    [TEXT, 'application/xml'],
    [TEXT, 'text/html'],
    [TEXT, 'application/json;q=0, text/plain;q=0'],
    ['/v1/prompts/deliver/chat', 'text/plain'],
  ])('%s cannot be had as %s', async (path, accept) => {
    const response = await server.get(path, { accept });
    expect(response.status).toBe(406);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(await response.json()).toMatchObject({ status: 406, code: 'NOT_ACCEPTABLE' });
  });

  it('prefers JSON for a chat when text is preferred', async () => {
    expect(
      (await server.get('/v1/prompts/deliver/chat', { accept: 'text/plain, application/json;q=0.1' })).status,
    ).toBe(200);
  });
});

describe('other methods', () => {
  it.each(['PUT', 'DELETE', 'PATCH', 'POST'])('%s is refused with what is allowed', async (method) => {
    const response = await fetch(`${server.url}${TEXT}`, {
      method,
      headers: { authorization: `Bearer ${server.adminKey}` },
    });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect(await response.json()).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' });
  });
});
