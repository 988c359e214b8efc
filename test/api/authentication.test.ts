import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scopesOf } from '../../src/domain/actor-role.ts';
import { createTestDatabase } from '../support/database.ts';
import { everything } from './everything.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

let server: TestServer;
let reader: { id: string; key: string };
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'auth/one');
  await promote(server, 'auth/one', 1);
  reader = await server.createKey('VIEWER');
});
afterAll(() => server.close());

const PROTECTED: readonly [string, string, BodyInit?][] = [
  ['POST', '/graphql', '{"query":"{ __typename }"}'],
  ['GET', '/graphql?query=%7B__typename%7D'],
  ['GET', '/graphql'],
  ['POST', '/graphql', '{"query":"{ __schema { queryType { name } } }"}'],
  ['GET', '/v1/prompts/auth/one'],
  ['HEAD', '/v1/prompts/auth/one'],
  ['GET', '/v1/prompts/no/such'],
  ['GET', '/v1/prompts/..%2f'],
  ['DELETE', '/v1/prompts/auth/one'],
  ['POST', '/v1/prompts/auth/one/render', '{}'],
  ['GET', '/metrics'],
];

function send([method, path, body]: (typeof PROTECTED)[number], authorization?: string): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    ...(authorization === undefined ? {} : { authorization }),
  };
  return fetch(`${server.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
}

describe('without a valid key', () => {
  const key = () => server.adminKey;
  const wrong = `pf_live_${randomBytes(6).toString('hex')}_${randomBytes(36).toString('hex')}`;
  const headers: readonly [string, () => string | undefined][] = [
    ['no header', () => undefined],
    ['an empty header', () => ''],
    ['another scheme', () => `Basic ${Buffer.from(`x:${key()}`).toString('base64')}`],
    ['no scheme', () => key()],
    ['a scheme without a key', () => 'Bearer'],
    ['an unknown key', () => `Bearer ${wrong}`],
    ['a key of another form', () => 'Bearer secret'],
    ['a key that is too long by one', () => `Bearer ${key()}0`],
    [
      'a key with a changed secret',
      () => `Bearer ${key().replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`,
    ],
    ['a key in upper case', () => `Bearer ${key().toUpperCase()}`],
    ['two keys', () => `Bearer ${key()} ${key()}`],
    ['a huge header', () => `Bearer ${'x'.repeat(8_000)}`],
    ['the hash of a key', () => `Bearer ${createHash('sha256').update(key()).digest('hex')}`],
  ];

  it.each(headers)('nothing is answered but 401, with how to do better: %s', async (_what, header) => {
    for (const target of PROTECTED) {
      const response = await send(target, header());
      expect([target[0], target[1], response.status]).toEqual([target[0], target[1], 401]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="promptforge"');
      expect(response.headers.get('cache-control')).toBe('no-store');
      if (target[0] === 'HEAD') continue;
      expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      const body = (await response.json()) as object;
      expect(body).toEqual({
        type: 'about:blank',
        title: 'Unauthorized',
        status: 401,
        code: 'UNAUTHENTICATED',
        detail: expect.stringContaining('Bearer') as string,
      });
    }
  });

  it('the scheme is taken in any case', async () => {
    expect((await send(['GET', '/v1/prompts/auth/one'], `bEARER   ${server.adminKey}`)).status).toBe(200);
  });

  it('only liveness, readiness and the static files of GraphiQL are there', async () => {
    for (const path of ['/livez', '/readyz']) expect((await fetch(`${server.url}${path}`)).status).toBe(200);
    const page = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(200);
    const html = await page.text();
    expect(html).toContain('<html');
    expect(html).not.toContain('auth/one');
    const asset = /\/graphiql\/[\w.-]+\.js/.exec(html)?.[0] ?? '';
    expect((await fetch(`${server.url}${asset}`)).status).toBe(200);
    // A page is all that a browser gets: its query is refused.
    const query = await fetch(`${server.url}/graphql?query=%7B__typename%7D`, {
      headers: { accept: 'text/html' },
    });
    expect(query.status).toBe(401);
  });

  it('a body is not even read', async () => {
    const response = await send(['POST', '/graphql', 'x'.repeat(9 * 1024 * 1024)]).catch(() => null);
    expect(response === null || response.status === 401).toBe(true);
  });
});

describe('a revoked key', () => {
  it('is refused at once, because the feed tells', async () => {
    const { id, key } = await server.createKey('VIEWER');
    const fetchWith = () => send(['GET', '/v1/prompts/auth/one'], `Bearer ${key}`);
    expect((await fetchWith()).status).toBe(200);
    await server.revokeKey(id);
    // Without the feed a key that was checked is good for 5 s, and the feed without its listener polls every 5 s.
    await until(async () => (await fetchWith()).status === 401, 3_500);
    expect((await send(['POST', '/graphql', '{"query":"{ __typename }"}'], `Bearer ${key}`)).status).toBe(
      401,
    );
  });

  it('is refused within seconds, even when no event tells of it', async () => {
    const { id, key } = await server.createKey('VIEWER');
    const fetchWith = () => send(['GET', '/v1/prompts/auth/one'], `Bearer ${key}`);
    expect((await fetchWith()).status).toBe(200);
    await server.database.query('UPDATE "api_key" SET revoked_at = now() WHERE id = $1', [id]);
    await until(async () => (await fetchWith()).status === 401, 12_000);
  });
});

describe('PROMPTFORGE_ADMIN_KEY', () => {
  it('is accepted as admin exactly as it is, beside the keys of the database, and none is generated', async () => {
    const adminKey = 'an admin key needs 24 or more'.replaceAll(' ', '_');
    const database = await createTestDatabase();
    const configured = await startTestServer({ config: { adminKey }, database });
    try {
      expect(configured.adminKey).toBe(adminKey);
      const who = await configured.execute('{ viewer { role actor { kind name } workspace { slug } } }');
      expect(who.data()).toEqual({
        viewer: {
          role: 'ADMIN',
          actor: { kind: 'API_KEY', name: 'PROMPTFORGE_ADMIN_KEY' },
          workspace: { slug: 'default' },
        },
      });
      await createPrompt(configured, 'by/admin');
      for (const key of [`${adminKey}x`, adminKey.slice(0, -1), adminKey.toUpperCase(), 'x']) {
        expect((await configured.execute('{ __typename }', {}, { key })).status, key).toBe(401);
      }
      expect(await database.query('SELECT 1 FROM "api_key"')).toEqual([]);
      const { key } = await configured.createKey('VIEWER');
      expect((await configured.execute('{ viewer { role } }', {}, { key })).data()).toEqual({
        viewer: { role: 'VIEWER' },
      });
    } finally {
      await configured.close();
      await database.drop();
    }
  });
});

describe('a reader key', () => {
  it('knows who it is and what it may', async () => {
    const who = await server.execute(
      '{ viewer { role scopes actor { kind name } workspace { slug headCursor } } workspace { slug } }',
      {},
      { key: reader.key },
    );
    expect(who.data()).toMatchObject({
      viewer: {
        role: 'VIEWER',
        scopes: ['registry:read', 'channels:read'],
        actor: { kind: 'API_KEY', name: 'VIEWER of a test' },
        workspace: { slug: 'default' },
      },
      workspace: { slug: 'default' },
    });
    const admin = await server.execute('{ viewer { role scopes } }');
    expect(admin.data()).toEqual({
      viewer: {
        role: 'ADMIN',
        scopes: [...scopesOf('ADMIN')],
      },
    });
  });

  it('reads everything that an admin reads', async () => {
    const document = `{
      prompts(first: 5) { totalCount edges { node { slug owner latest { template author { name } } channels { channel { name } } } } }
      prompt(slug: "auth/one") { versions { edges { node { number config } } } promotions { edges { node { kind actor { name } } } } }
      channels { name serving { edges { node { prompt { slug } } } } }
      events(first: 20) { edges { node { seq type payload hash hashedText actor { name } } } }
    }`;
    const [asAdmin, asReader] = [
      await server.execute(document),
      await server.execute(document, {}, { key: reader.key }),
    ];
    expect(asReader.data()).toEqual(asAdmin.data());
    for (const path of ['/v1/prompts/auth/one', '/metrics']) {
      expect(
        (await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${reader.key}` } })).status,
      ).toBe(200);
    }
  });
});

describe('keys in the database', () => {
  it('stand there only as hashes: no row of any table, and no log line, holds a key or its secret', async () => {
    const dump = await everything(server);
    const secrets = [server.adminKey, reader.key].flatMap((key) => [
      key,
      key.split('_').at(-1) ?? '',
      (key.split('_').at(-1) ?? '').slice(0, 64),
    ]);
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThanOrEqual(64);
      expect(dump).not.toContain(secret);
      expect(dump).not.toContain(Buffer.from(secret).toString('hex'));
      expect(JSON.stringify(server.logged)).not.toContain(secret);
    }
    // What is there is the hash: so the dump does look everywhere.
    for (const { key } of [reader, { key: server.adminKey }])
      expect(dump).toContain(createHash('sha256').update(key).digest('hex'));
  });
});

async function until(condition: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; ;) {
    if (await condition()) return;
    if (Date.now() > deadline) throw new Error(`not so after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
