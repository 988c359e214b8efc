import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeFeedCursor } from '../../src/domain/cursor.ts';
import { encodeNodeId } from '../../src/schema/node-id.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const ADMIN_KEY = 'the-admin-key-of-delivery-from-memory';
const APP = 'https://app.example.com';
const TEXT = '/v1/prompts/memory/text';
/** Of a request, or of a moment. */
const OWN_HEADERS = new Set(['x-request-id', 'date']);
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

let database: TestDatabase;
/** The first one is asked again and again; what the second one answers is made at the time. */
let nodes: [TestServer, TestServer];
beforeAll(async () => {
  database = await createTestDatabase();
  const start = () => startTestServer({ database, config: { adminKey: ADMIN_KEY, corsOrigins: [APP] } });
  nodes = [await start(), await start()];
  const [server] = nodes;
  await createPrompt(server, 'memory/text', { content: { template: 'one {{a}} é', config: { model: 'm' } } });
  await editPrompt(server, 'memory/text', { content: { template: 'two' } });
  await createPrompt(server, 'memory/chat', {
    content: { messages: [{ role: 'USER', content: 'Hi {{who}}' }] },
  });
  for (const slug of ['memory/text', 'memory/chat']) await promote(server, slug, 1);
});
afterAll(async () => {
  agent.destroy();
  for (const node of nodes) await node.close();
  await database.drop();
});

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Told {
  readonly status: number;
  /** In the order in which they were sent. */
  readonly sent: readonly [name: string, value: string][];
  readonly header: (name: string) => string | undefined;
  readonly body: string;
  /** All of it, but for what is of the request or of the moment. */
  readonly bytes: string;
}

/** As it stands on the wire. */
function ask({ url }: TestServer, { path, method = 'GET', headers = {} }: Asked): Promise<Told> {
  const all = { authorization: `Bearer ${ADMIN_KEY}`, ...headers };
  return new Promise((resolve, reject) => {
    const asking = request(url + path, { method, headers: all, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { rawHeaders, statusCode: status = 0 } = response;
        const sent = rawHeaders.flatMap((name, at): [string, string][] =>
          at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? '']] : [],
        );
        const body = Buffer.concat(chunks).toString('latin1');
        const kept = sent.filter(([name]) => !OWN_HEADERS.has(name));
        const header = (wanted: string) => sent.find(([name]) => name === wanted)?.[1];
        resolve({ status, sent, header, body, bytes: JSON.stringify([status, kept, body]) });
      });
    });
    asking.on('error', reject);
    asking.end();
  });
}

const PATHS = [
  TEXT,
  '/v1/prompts/memory%2Ftext',
  '/v1/prompts/memory/text?_version=latest',
  '/v1/prompts/memory/text?_version=2',
  '/v1/prompts/memory/text?_version=1&other=1',
  '/v1/prompts/memory/chat',
  '/v1/prompts/memory/absent',
  '/v1/prompts/memory/text?_version=absent',
  '/v1/prompts/memory/text?_version=Wrong%20name',
  '/v1/prompts/Wrong',
  '/v1/prompts/memory/text/render',
];
const ACCEPTS = [
  '',
  '*/*',
  'application/json',
  'text/plain',
  'text/*;q=0.5, application/json;q=0.4',
  'image/png',
];
const CONDITIONS = ['', '*', 'W/"other", "another"', 'THE ETAG', 'W/THE ETAG'];
const ORIGINS = ['', APP, 'https://evil.example'];

const asHeaders = (accept: string, origin: string, condition: string) => ({
  ...(accept === '' ? {} : { accept }),
  ...(origin === '' ? {} : { origin }),
  ...(condition === '' ? {} : { 'if-none-match': condition }),
});

describe('an answer from memory', () => {
  it.each(PATHS)('to %s is the one that is made at the time, byte for byte', async (path) => {
    const [server, other] = nodes;
    for (const accept of ACCEPTS) {
      const { header } = await ask(server, { path, headers: asHeaders(accept, '', '') });
      const etag = header('etag') ?? '"none"';
      for (const [at, condition] of CONDITIONS.entries()) {
        const headers = asHeaders(
          accept,
          ORIGINS[at % ORIGINS.length] ?? '',
          condition.replace('THE ETAG', etag),
        );
        for (const method of ['GET', 'HEAD']) {
          const asked = { path, method, headers };
          const made = await ask(other, asked);
          for (let again = 0; again < 2; again += 1)
            expect((await ask(server, asked)).bytes).toBe(made.bytes);
        }
      }
    }
  });

  it('has a request id of its own, and every header once', async () => {
    const told = [];
    for (let asked = 0; asked < 20; asked += 1)
      told.push(await ask(nodes[0], { path: TEXT, headers: { origin: APP } }));
    expect(new Set(told.map(({ header }) => header('x-request-id'))).size).toBe(20);
    for (const { sent } of told) expect(new Set(sent.map(([name]) => name)).size).toBe(sent.length);
  });

  it('is counted as any other: in the figures, and as use of the version; HEAD is no use', async () => {
    const [server] = nodes;
    const requests = async () => {
      const text = (await ask(server, { path: '/metrics' })).body;
      const count = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
      return {
        ok: count(/requests_total\{route="delivery",status="200"\} (\d+)/),
        known: count(/requests_total\{route="delivery",status="304"\} (\d+)/),
        timed: count(/duration_seconds_count\{route="delivery"\} (\d+)/),
        fast: count(/duration_seconds_bucket\{le="\+Inf",route="delivery"\} (\d+)/),
      };
    };
    const etag = (await ask(server, { path: TEXT })).header('etag') ?? '';
    const before = await requests();
    for (let asked = 0; asked < 5; asked += 1) await ask(server, { path: TEXT });
    for (let asked = 0; asked < 3; asked += 1)
      await ask(server, { path: TEXT, headers: { 'if-none-match': etag } });
    await ask(server, { path: TEXT, method: 'HEAD' });
    // Counted when the connection is done with the answer, which its client need not wait for.
    await expect.poll(requests).toEqual({
      ok: before.ok + 6,
      known: before.known + 3,
      timed: before.timed + 9,
      fast: before.fast + 9,
    });
  });
});

describe('from memory', () => {
  it('nobody is answered whose key was revoked, or does not cover it any more', async () => {
    const [server] = nodes;
    const [revoked, limited] = [await server.createKey('VIEWER'), await server.createKey('VIEWER')];
    const status = async (key: string) =>
      (await ask(server, { path: TEXT, headers: { authorization: `Bearer ${key}` } })).status;
    for (const { key } of [revoked, limited, revoked, limited]) expect(await status(key)).toBe(200);
    await database.query('UPDATE "api_key" SET prompts = $2 WHERE id = $1', [limited.id, '["elsewhere/*"]']);
    await server.execute(
      `mutation { revokeApiKey(input: { id: "${encodeNodeId('ApiKey', revoked.id)}" }) { ... on ApiKey { id } } }`,
    );
    expect(await status(revoked.key)).toBe(401);
    expect(await status(limited.key)).toBe(404);
    expect(await status(ADMIN_KEY)).toBe(200);
  });

  it('nothing is answered that was renamed, withdrawn or archived', async () => {
    const [server] = nodes;
    for (const slug of ['gone/renamed', 'gone/withdrawn', 'gone/archived']) {
      await createPrompt(server, slug);
      await promote(server, slug, 1);
    }
    const status = async (slug: string) => (await ask(server, { path: `/v1/prompts/${slug}` })).status;
    const change = (text: string) => server.execute(`mutation { ${text} { __typename } }`);
    for (const slug of ['gone/renamed', 'gone/withdrawn', 'gone/archived'])
      expect([await status(slug), await status(slug)]).toEqual([200, 200]);
    await change('updatePrompt(input: { slug: "gone/renamed", newSlug: "gone/found" })');
    await change('withdrawPrompt(input: { slug: "gone/withdrawn", channel: "stable" })');
    await change('archivePrompt(input: { slug: "gone/archived" })');
    const found = ['gone/renamed', 'gone/withdrawn', 'gone/found'].map(status);
    expect(await Promise.all(found)).toEqual([404, 404, 200]);
    // Whatever an archived prompt answers, memory answers nothing else.
    const archived = { path: '/v1/prompts/gone/archived' };
    expect((await ask(server, archived)).bytes).toBe((await ask(nodes[1], archived)).bytes);
  });

  it('a reader is never given an older version than before, nor one that is mixed of two', async () => {
    const [server] = nodes;
    const slug = 'memory/moving';
    await createPrompt(server, slug, { content: { template: 'version 1' } });
    for (const number of [2, 3])
      await editPrompt(server, slug, { content: { template: `version ${number}` } });
    await promote(server, slug, 1);
    const writing = new AbortController();
    const faults: unknown[] = [];
    const etags = new Map<string, string>();
    const isText = (accept: string) => accept === 'text/plain';
    const reader = async (accept: string) => {
      let last = { seq: 0n, version: 0 };
      while (!writing.signal.aborted) {
        const told = await ask(server, { path: `/v1/prompts/${slug}`, headers: { accept } });
        const version = Number(told.header('x-promptforge-version'));
        const { seq } = decodeFeedCursor('cursor', told.header('x-promptforge-cursor') ?? '');
        const etag = told.header('etag') ?? '';
        const { template } = isText(accept)
          ? { template: told.body }
          : (JSON.parse(told.body) as { template: string });
        // One moment of a channel has one body and one ETag in each form.
        const known = etags.get(`${isText(accept)} ${seq}`) ?? etag;
        etags.set(`${isText(accept)} ${seq}`, etag);
        const isRight = template === `version ${version}` && etag === known;
        const isInOrder = seq > last.seq || (seq === last.seq && version === last.version);
        if (!isRight || !isInOrder) faults.push({ last, told: told.bytes });
        last = { seq, version };
      }
    };
    const readers = ['application/json', 'text/plain', '*/*'].map(reader);
    for (let moved = 1; moved <= 10; moved += 1) {
      const version = (moved % 3) + 1;
      await promote(server, slug, version);
      const told = await ask(server, { path: `/v1/prompts/${slug}` });
      expect(told.header('x-promptforge-version')).toBe(String(version));
    }
    writing.abort();
    await Promise.all(readers);
    expect(faults).toEqual([]);
    expect(etags.size).toBeGreaterThan(10);
  });
});
