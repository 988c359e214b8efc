import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { deferred } from '../support/deferred.ts';
import { openEventStream } from '../support/event-stream.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { keyOf } from './limited-keys.ts';
import { createPrompt, editPrompt, promote } from './registry.ts';

const STABLE = '/v1/channels/stable';
/** More than the kernels between us take of an answer that nobody reads. */
const LARGE = { count: 12, bytes: 900_000 };

interface Answer {
  readonly channel: string;
  readonly cursor: string;
  readonly entries: readonly { readonly slug: string; readonly version: number }[];
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const slug of ['sales/b', 'sales/a', 'support/one']) {
    await createPrompt(server, slug);
    await promote(server, slug, 1);
  }
  await createPrompt(server, 'sales/draft');
});
afterAll(() => server.close());

const read = async (path: string, headers?: Record<string, string>) => {
  const response = await server.get(path, headers);
  return { response, body: (await response.json()) as Answer };
};
const etagOf = async (path: string) => (await server.get(path)).headers.get('etag') ?? '';
const slugsOf = ({ entries }: Answer) => entries.map(({ slug }) => slug);

/** Version 1 of so many prompts of a folder, on `stable`. @returns their slugs */
async function promoteMany(folder: string, count: number, template = 'text'): Promise<string[]> {
  const actor = await server.systemOf('default');
  const slugs = Array.from({ length: count }, (_, index) => `${folder}/${String(index).padStart(4, '0')}`);
  const committedAt = new Date('2026-01-01T00:00:00Z');
  for (let at = 0; at < count; at += 100) {
    const versions = slugs.slice(at, at + 100).map((slug) => ({ slug, committedAt, content: { template } }));
    await server.app.importVersions(actor, { versions });
  }
  await server.app.promoteVersions(actor, { items: slugs.map((slug) => ({ slug, version: 1 })) });
  return slugs;
}

describe('GET /v1/channels/{name}', () => {
  it('answers with everything that the channel serves, as delivery does, by slug, and its place', async () => {
    const { response, body } = await read(`${STABLE}?prompts=sales/*`);
    expect(response.status).toBe(200);
    const entries = await Promise.all(
      ['sales/a', 'sales/b'].map(async (slug) => (await server.get(`/v1/prompts/${slug}`)).json()),
    );
    expect(body).toEqual({ channel: 'stable', cursor: expect.any(String) as string, entries });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'private, no-cache',
      'x-promptforge-cursor': body.cursor,
      vary: 'Accept, Authorization',
    });
    expect(response.headers.get('x-promptforge-stale')).toBeNull();
    const { workspace } = (await server.execute('{ workspace { headCursor } }')).data() as {
      workspace: { headCursor: string };
    };
    expect(body.cursor).toBe(workspace.headCursor);
    expect(slugsOf((await read('/v1/channels/latest?prompts=sales/draft,support/one')).body)).toEqual([
      'sales/draft',
      'support/one',
    ]);
    expect((await read(`${STABLE}?prompts=no/such`)).body.entries).toEqual([]);
  });

  it('has a tag of what is served: 304 with the newest place while nothing of it moves', async () => {
    const path = `${STABLE}?prompts=support/*`;
    const etag = await etagOf(path);
    const again = () => server.get(path, { 'if-none-match': etag });
    await editPrompt(server, 'support/one', { content: { template: 'two' } });
    const unmoved = await again();
    expect([unmoved.status, unmoved.headers.get('etag'), await unmoved.text()]).toEqual([304, etag, '']);
    const promotion = await promote(server, 'sales/b', 1);
    expect((await again()).headers.get('x-promptforge-cursor')).toBe(promotion.cursor);
    expect(await etagOf(STABLE)).not.toBe(etag);
    await promote(server, 'support/one', 2);
    const moved = await again();
    expect(moved.status).toBe(200);
    expect(((await moved.json()) as Answer).entries).toMatchObject([{ slug: 'support/one', version: 2 }]);
    expect(moved.headers.get('etag')).not.toBe(etag);
  });

  it('answers HEAD with the same headers', async () => {
    const head = await fetch(`${server.url}${STABLE}`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${server.adminKey}` },
    });
    expect([head.status, head.headers.get('etag')]).toEqual([200, await etagOf(STABLE)]);
    expect(head.headers.get('x-promptforge-cursor')).toMatch(/^[\w-]+$/);
  });

  it('holds hundreds of prompts in whole pages, and asks for none of them twice', async () => {
    await promoteMany('many', 250);
    server.statements.length = 0;
    const { body } = await read(`${STABLE}?prompts=many/*`);
    expect(body.entries).toHaveLength(250);
    expect(slugsOf(body)).toEqual(slugsOf(body).toSorted());
    const reads = () => server.statements.filter((sql) => sql.includes('pr.id = ANY'));
    expect(reads()).toHaveLength(3);
    expect((await read(`${STABLE}?prompts=many/*`)).body).toEqual(body);
    expect(reads()).toHaveLength(3);
  });

  it('shows a limited key what it covers, and nothing of the rest', async () => {
    const authorization = `Bearer ${await keyOf(server, 'SERVICE', { prompts: ['support/*'], channels: ['stable'] })}`;
    const { body } = await read(STABLE, { authorization });
    expect(slugsOf(body)).toEqual(['support/one']);
    expect((await server.get(`${STABLE}?prompts=sales/*`, { authorization })).status).toBe(403);
    const foreign = await server.get('/v1/channels/latest', { authorization });
    const unknown = await server.get('/v1/channels/nothing', { authorization });
    expect([foreign.status, unknown.status]).toEqual([404, 404]);
    expect(((await foreign.json()) as { detail: string }).detail.replace('latest', 'nothing')).toBe(
      ((await unknown.json()) as { detail: string }).detail,
    );
    expect(await etagOf(`${STABLE}?prompts=support/*`)).toBe(
      (await server.get(STABLE, { authorization })).headers.get('etag'),
    );
  });

  it.each([
    [400, 'INVALID_INPUT', `${STABLE}?prompts=Not%20a%20slug`, {}],
    [400, 'INVALID_INPUT', `${STABLE}?prompts=`, {}],
    [400, 'BAD_CURSOR', STABLE, { 'x-promptforge-min-cursor': 'x' }],
    [401, 'UNAUTHENTICATED', STABLE, { authorization: 'Bearer no' }],
    [404, 'NOT_FOUND', '/v1/channels/', {}],
    [404, 'NOT_FOUND', '/v1/channels/no-such', {}],
    [404, 'NOT_FOUND', '/v1/channels/stable/else', {}],
    [406, 'NOT_ACCEPTABLE', STABLE, { accept: 'text/plain' }],
  ])('refuses with %i %s: %s %j', async (status, code, path, headers: Record<string, string>) => {
    const response = await server.get(path, headers);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
  });

  it('takes no other method', async () => {
    const response = await fetch(`${server.url}${STABLE}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}` },
    });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('an answer that its client reads slowly', () => {
  /** Reads nothing after the head until it is told to. */
  async function openPaused(path: string) {
    const answered = deferred<IncomingMessage>();
    const sent = request(
      `${server.url}${path}`,
      { agent: false, headers: { authorization: `Bearer ${server.adminKey}` } },
      (response) => answered.resolve(response.pause()),
    );
    onTestFinished(() => void sent.destroy());
    sent.on('error', (error) => answered.reject(error));
    sent.end();
    const response = await answered.promise;
    return {
      rest: () =>
        new Promise<{ complete: boolean; text: string }>((resolve) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('error', () => undefined);
          response.on('close', () => resolve({ complete: response.complete, text }));
          response.resume();
        }),
    };
  }

  let slugs: string[];
  beforeAll(async () => {
    slugs = await promoteMany('slow', LARGE.count, 'x'.repeat(LARGE.bytes));
    await editPrompt(server, slugs.at(-1) ?? '', { content: { template: 'two' } });
  });

  it('is of one moment, whatever is promoted meanwhile; what follows its cursor continues it', async () => {
    const last = slugs.at(-1) ?? '';
    const slow = await openPaused(`${STABLE}?prompts=slow/*`);
    await promote(server, last, 2);
    const { complete, text } = await slow.rest();
    expect(complete).toBe(true);
    const { entries, cursor } = JSON.parse(text) as Answer;
    expect(entries.map(({ version }) => version)).toEqual(Array.from(entries, () => 1));
    const stream = await openEventStream(`${server.url}${STABLE}/events?prompts=slow/*&after=${cursor}`, {
      key: server.adminKey,
    });
    expect(JSON.parse((await stream.next()).data ?? '')).toMatchObject({ slug: last, version: 2 });
  });

  it('is cut where it cannot go on, so that nobody takes a part for the whole', async () => {
    const items = slugs.map((slug) => ({ slug, version: 1 }));
    await server.app.promoteVersions(await server.systemOf('default'), { items });
    const slow = await openPaused(`${STABLE}?prompts=slow/*`);
    await server.database.query('ALTER TABLE "promotion" RENAME TO "promotion_away"');
    const { complete, text } = await slow.rest();
    await server.database.query('ALTER TABLE "promotion_away" RENAME TO "promotion"');
    expect(complete).toBe(false);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });
});
