import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY_PATTERN } from '../../src/domain/api-key.ts';
import { lockTable } from '../support/streams.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const PATIENCE = { timeout: 15_000 };
const ON_ERROR = '... on Error { code message }';
const KEY_FIELDS =
  'id name role scopes prompts channels createdAt rotatedAt expiresAt previousExpiresAt revokedAt';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

interface Shown {
  readonly __typename: string;
  readonly key: string;
  readonly apiKey: { readonly id: string } & Record<string, unknown>;
  readonly code?: string;
  readonly field?: string;
  readonly message?: string;
}

async function mutate(name: string, input: string, key?: string): Promise<Shown> {
  const fields =
    name === 'revokeApiKey'
      ? `... on ApiKey { ${KEY_FIELDS} }`
      : `... on ${name === 'createApiKey' ? 'CreatedApiKey' : 'RotatedApiKey'} { key apiKey { ${KEY_FIELDS} } } ... on InvalidInput { field }`;
  const document = `mutation { ${name}(input: { ${input} }) { __typename ${fields} ${ON_ERROR} } }`;
  const answer = await server.execute(document, {}, key === undefined ? {} : { key });
  return (answer.data() as Record<string, Shown>)[name] as Shown;
}

const statusOf = async (key: string) =>
  (await fetch(`${server.url}/graphql?query={viewer{role}}`, { headers: { authorization: `Bearer ${key}` } }))
    .status;

describe('createApiKey', () => {
  it('shows the key once, with what it may do; it is good at once', async () => {
    const created = await mutate(
      'createApiKey',
      'name: "ci", role: RELEASER, scopes: ["registry:read", "channels:promote"], prompts: ["support/*"], channels: ["stable"], expiresAt: "2100-01-01T00:00:00Z"',
    );
    expect(created).toEqual({
      __typename: 'CreatedApiKey',
      key: expect.stringMatching(API_KEY_PATTERN) as string,
      apiKey: {
        id: expect.any(String) as string,
        name: 'ci',
        role: 'RELEASER',
        scopes: ['registry:read', 'channels:promote'],
        prompts: ['support/*'],
        channels: ['stable'],
        createdAt: expect.any(String) as string,
        rotatedAt: null,
        expiresAt: '2100-01-01T00:00:00.000Z',
        previousExpiresAt: null,
        revokedAt: null,
      },
    });
    expect(await statusOf(created.key)).toBe(200);
    const listed = await server.execute(`{ apiKeys(first: 1) { edges { node { ${KEY_FIELDS} } } } }`);
    expect(listed.data()).toEqual({ apiKeys: { edges: [{ node: created.apiKey }] } });
    const found = await server.execute(`{ node(id: "${created.apiKey.id}") { id ... on ApiKey { name } } }`);
    expect(found.data()).toEqual({ node: { id: created.apiKey.id, name: 'ci' } });
  });

  it('answers the secret also when nothing else of the key is asked for', async () => {
    const document =
      'mutation { createApiKey(input: { name: "bare", role: SERVICE }) { ... on CreatedApiKey { key } } }';
    const { createApiKey } = (await server.execute(document)).data() as { createApiKey: { key: string } };
    expect(createApiKey.key).toMatch(API_KEY_PATTERN);
  });

  it('gives by default nothing that moves production', async () => {
    const { apiKey } = await mutate('createApiKey', 'name: "robot", role: ADMIN');
    expect(apiKey['scopes']).not.toContain('channels:promote');
    expect(apiKey['scopes']).toContain('keys:manage');
  });

  it.each([
    ['name: "", role: VIEWER', 'InvalidInput', 'name'],
    ['name: "x", role: VIEWER, scopes: ["all"]', 'InvalidInput', 'scopes[0]'],
    ['name: "x", role: VIEWER, channels: ["nowhere"]', 'InvalidInput', 'channels'],
    ['name: "x", role: ADMIN, prompts: ["a"]', 'InvalidInput', 'scopes'],
    ['name: "x", role: VIEWER, expiresAt: "2020-01-01T00:00:00Z"', 'InvalidInput', 'expiresAt'],
    ['name: "x", role: OPERATOR', 'Forbidden', undefined],
  ])('refuses %s', async (input, type, field) => {
    const refused = await mutate('createApiKey', input);
    expect([refused.__typename, refused.field]).toEqual([type, field]);
  });

  it('gives nobody what its maker does not have', async () => {
    const { key } = await mutate(
      'createApiKey',
      'name: "minter", role: ADMIN, scopes: ["keys:manage", "registry:read"]',
    );
    const refused = await mutate(
      'createApiKey',
      'name: "x", role: RELEASER, scopes: ["channels:promote"]',
      key,
    );
    expect(refused).toMatchObject({
      __typename: 'Forbidden',
      message: expect.stringContaining('"channels:promote"') as string,
    });
    const { __typename } = await mutate(
      'createApiKey',
      'name: "x", role: VIEWER, scopes: ["registry:read"]',
      key,
    );
    expect(__typename).toBe('CreatedApiKey');
    // Its other half: a key that may do more is not taken over by rotating it.
    const strong = await mutate(
      'createApiKey',
      'name: "strong", role: RELEASER, scopes: ["channels:promote"]',
    );
    expect((await mutate('rotateApiKey', `id: "${strong.apiKey.id}"`, key)).__typename).toBe('Forbidden');
  });
});

describe('rotateApiKey', () => {
  it('keeps the key and takes both secrets during the overlap; a second rotation ends the oldest', async () => {
    const { key: first, apiKey } = await mutate('createApiKey', 'name: "rotating", role: VIEWER');
    const second = await mutate('rotateApiKey', `id: "${apiKey.id}", overlapDays: 7`);
    expect(second).toMatchObject({
      __typename: 'RotatedApiKey',
      apiKey: { id: apiKey.id, name: 'rotating' },
    });
    expect(await Promise.all([first, second.key].map(statusOf))).toEqual([200, 200]);
    const third = await mutate('rotateApiKey', `id: "${apiKey.id}", overlapDays: 1`);
    expect(await Promise.all([first, second.key, third.key].map(statusOf))).toEqual([401, 200, 200]);
    const fourth = await mutate('rotateApiKey', `id: "${apiKey.id}"`);
    expect(fourth.apiKey['previousExpiresAt']).toBeNull();
    expect(await Promise.all([second.key, third.key, fourth.key].map(statusOf))).toEqual([401, 401, 200]);
  });

  it('refuses ids of nothing, of other things, and overlaps of more than a week', async () => {
    const { apiKey } = await mutate('createApiKey', 'name: "x", role: VIEWER');
    const workspace = (await server.execute('{ workspace { id } }')).data() as { workspace: { id: string } };
    for (const id of ['', 'none', workspace.workspace.id])
      expect((await mutate('rotateApiKey', `id: "${id}"`)).__typename).toBe('NotFound');
    expect(await mutate('rotateApiKey', `id: "${apiKey.id}", overlapDays: 8`)).toMatchObject({
      field: 'overlapDays',
    });
  });
});

describe('revokeApiKey', () => {
  it('ends the key at once, and says so again when it is asked again', async () => {
    const { key, apiKey } = await mutate('createApiKey', 'name: "gone", role: VIEWER');
    expect(await statusOf(key)).toBe(200);
    const revoked = await mutate('revokeApiKey', `id: "${apiKey.id}"`);
    expect(revoked).toMatchObject({ __typename: 'ApiKey', revokedAt: expect.any(String) as string });
    expect(await statusOf(key)).toBe(401);
    expect(await mutate('revokeApiKey', `id: "${apiKey.id}"`)).toEqual(revoked);
    const names = async (active: boolean) => {
      const document = `{ apiKeys(first: 100, filter: { active: ${active} }) { totalCount edges { node { name } } } }`;
      const { apiKeys } = (await server.execute(document)).data() as {
        apiKeys: { edges: { node: { name: string } }[] };
      };
      return apiKeys.edges.map(({ node }) => node.name);
    };
    expect(await names(true)).not.toContain('gone');
    expect(await names(false)).toContain('gone');
  });

  it('has every further use told, once a minute, with where it came from; the request does not wait for that', async () => {
    const { key, apiKey } = await mutate('createApiKey', 'name: "stolen", role: VIEWER');
    await mutate('revokeApiKey', `id: "${apiKey.id}"`);
    const lock = await lockTable(server, 'event');
    const use = () =>
      fetch(`${server.url}/v1/prompts/a`, {
        headers: { authorization: `Bearer ${key}`, 'user-agent': 'thief/1.0' },
      });
    for (let i = 0; i < 5; i += 1) expect((await use()).status).toBe(401);
    await lock.release();
    const told = async () => {
      const document =
        '{ events(filter: { types: ["RevokedKeyUsed"], actor: "stolen" }) { edges { node { actor { name } userAgent requestId payload } } } }';
      return ((await server.execute(document)).data() as { events: { edges: unknown[] } }).events.edges;
    };
    await expect.poll(told, PATIENCE).toEqual([
      {
        node: {
          actor: { name: 'stolen' },
          userAgent: 'thief/1.0',
          requestId: expect.any(String) as string,
          payload: { apiKeyId: expect.any(String) as string, name: 'stolen' },
        },
      },
    ]);
    await use();
    expect(await told()).toHaveLength(1);
  });
});

describe('a key', () => {
  it('is shown with when it was used last', async () => {
    const { key, apiKey } = await mutate('createApiKey', 'name: "used", role: VIEWER');
    const lastUsedAt = async () => {
      const { node } = (
        await server.execute(`{ node(id: "${apiKey.id}") { ... on ApiKey { lastUsedAt } } }`)
      ).data() as {
        node: { lastUsedAt: string | null };
      };
      return node.lastUsedAt;
    };
    expect(await lastUsedAt()).toBeNull();
    expect(await statusOf(key)).toBe(200);
    await expect.poll(lastUsedAt, PATIENCE).toMatch(/^20\d\d-/);
  });

  it('is nothing to those who may not manage keys', async () => {
    const { apiKey } = await mutate('createApiKey', 'name: "secret", role: VIEWER');
    const { key } = await server.createKey('RELEASER');
    const node = await server.execute(`{ node(id: "${apiKey.id}") { id } }`, {}, { key });
    expect(node.data()).toEqual({ node: null });
    for (const field of ['apiKeys', 'members']) {
      const refused = await server.execute(`{ ${field} { totalCount } }`, {}, { key });
      expect(refused.errors()[0]?.extensions?.code).toBe('FORBIDDEN');
    }
  });
});
