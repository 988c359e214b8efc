import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { openEventStream } from '../support/event-stream.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { listenAs, sayApplied } from './instances.ts';
import { keyOf } from './limited-keys.ts';
import { createPrompt, editPrompt } from './registry.ts';

const adminKey = 'rollout-admin-key-of-the-test';
const PATIENCE = { timeout: 15_000, interval: 20 };
const LONG = 14_000;

interface Moved {
  readonly __typename: string;
  readonly code?: string;
  readonly field?: string;
  readonly rollout?: { readonly subscribers: number; readonly applied: number; readonly silent: number };
}

let database: TestDatabase;
let a: TestServer;
let b: TestServer;
let count = 0;
let folder: string;
let slug: string;

beforeAll(async () => {
  database = await createTestDatabase();
  a = await startTestServer({ database, config: { adminKey } });
  b = await startTestServer({ database, config: { adminKey } });
});
afterAll(async () => {
  await Promise.all([a.close(), b.close()]);
  await database.drop();
});
beforeEach(async () => {
  count += 1;
  folder = `rollout-${count}`;
  slug = `${folder}/one`;
  await createPrompt(a, slug);
  await editPrompt(a, slug, { content: { template: 'two' } });
});

const acknowledge = (node: TestServer, instance: string, cursor: string) =>
  sayApplied(node, { instance, cursor, key: adminKey });
const openInstance = (
  instance: string,
  { node = a, key = adminKey, prompts = `${folder}/*`, isMute = false } = {},
) => listenAs(instance, { node, key, prompts, saysTo: isMute ? null : b });

const ROLLOUT = 'rollout { subscribers applied silent }';

function selectionOf(mutation: string): string {
  const answer = mutation.startsWith('promoteVersions')
    ? `... on PromotionBatch { promotions { ${ROLLOUT} } }`
    : `... on Promotion { ${ROLLOUT} }`;
  return `{ __typename ${answer} ... on Error { code } ... on InvalidInput { field } }`;
}

async function move(mutation: string, node = b, key = adminKey): Promise<Moved> {
  const answer = await node.execute(`mutation { move: ${mutation} ${selectionOf(mutation)} }`, undefined, {
    key,
  });
  return (answer.data() as { move: Moved }).move;
}
const promote = (waitMs: number, more = '', version = 1) =>
  move(
    `promoteVersion(input: { slug: "${slug}", version: ${version}, waitForSubscribersMs: ${waitMs} ${more} })`,
  );

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const began = performance.now();
  return [await work, performance.now() - began];
}

describe('a promotion that waits for its subscribers', () => {
  it('answers when all have applied it, on whichever node they listen, and wherever they say so', async () => {
    await openInstance('web-1');
    await openInstance('web-2', { node: b, prompts: '' });
    await openInstance('elsewhere', { prompts: 'nothing/of-it', isMute: true });
    const [moved, tookMs] = await timed(promote(LONG));
    expect(moved.rollout).toEqual({ subscribers: 2, applied: 2, silent: 0 });
    expect(tookMs).toBeLessThan(LONG / 2);
    const batch = (await move(
      `promoteVersions(input: { items: [{ slug: "${slug}", version: 2 }], waitForSubscribersMs: ${LONG} })`,
    )) as Moved & { promotions: Moved[] };
    expect(batch.promotions).toEqual([{ rollout: { subscribers: 2, applied: 2, silent: 0 } }]);
    const back = await move(`rollbackChannel(input: { slug: "${slug}", waitForSubscribersMs: ${LONG} })`);
    expect(back.rollout).toEqual({ subscribers: 2, applied: 2, silent: 0 });
  });

  it('answers when its time is up, and says how many have not: 2 of 3', async () => {
    await openInstance('web-1');
    await openInstance('web-2');
    await openInstance('stuck', { isMute: true });
    const [moved, tookMs] = await timed(promote(1_500));
    expect(moved.rollout).toEqual({ subscribers: 3, applied: 2, silent: 0 });
    expect(tookMs).toBeGreaterThan(1_499);
  });

  it('does not wait for who does not say what it applies, nor counts it twice where an instance is listed twice', async () => {
    const query = `${a.url}/v1/channels/stable/events?prompts=${slug}`;
    await openEventStream(query, { key: adminKey });
    await openInstance('web-1');
    await openInstance('web-1', { node: b });
    const [moved, tookMs] = await timed(promote(LONG));
    expect(moved.rollout).toEqual({ subscribers: 1, applied: 1, silent: 1 });
    expect(tookMs).toBeLessThan(LONG / 2);
  });

  it('waits for nobody when nobody follows the prompt, whatever else is followed', async () => {
    const key = await keyOf(a, 'SERVICE', { prompts: ['other/*'] });
    await openInstance('limited', { key, prompts: '', isMute: true });
    const [moved, tookMs] = await timed(promote(LONG));
    expect(moved.rollout).toEqual({ subscribers: 0, applied: 0, silent: 0 });
    expect(tookMs).toBeLessThan(LONG / 2);
  });

  it('stops waiting for an instance whose key is revoked', async () => {
    const { id, key } = await a.createKey('SERVICE');
    await openInstance('web-1', { key, isMute: true });
    const waiting = timed(promote(LONG));
    await expect.poll(() => listed('web-1'), PATIENCE).toBe(1);
    await a.revokeKey(id);
    const [moved, tookMs] = await waiting;
    expect(moved.rollout).toEqual({ subscribers: 0, applied: 0, silent: 0 });
    expect(tookMs).toBeLessThan(LONG / 2);
  });

  it('waits for a repetition by its idempotency key as well', async () => {
    const { cursor } = await openInstance('web-1', { isMute: true });
    const key = `, idempotencyKey: "${folder}"`;
    expect((await promote(600, key)).rollout).toEqual({ subscribers: 1, applied: 0, silent: 0 });
    const again = timed(promote(LONG, key));
    const { workspace } = (await a.execute('{ workspace { headCursor } }')).data() as {
      workspace: { headCursor: string };
    };
    expect(workspace.headCursor).not.toBe(cursor);
    await acknowledge(b, 'web-1', workspace.headCursor);
    const [moved, tookMs] = await again;
    expect(moved.rollout).toEqual({ subscribers: 1, applied: 1, silent: 0 });
    expect(tookMs).toBeLessThan(LONG / 2);
  });

  it('answers at once what is refused, and refuses a wait that is too long before anything moves', async () => {
    await openInstance('web-1', { isMute: true });
    const [refused, tookMs] = await timed(promote(LONG, '', 9));
    expect(refused).toMatchObject({ __typename: 'VersionNotFound' });
    expect(tookMs).toBeLessThan(LONG / 2);
    for (const waitMs of [-1, 15_001])
      expect(await promote(waitMs)).toMatchObject({ code: 'INVALID_INPUT', field: 'waitForSubscribersMs' });
    expect((await a.get(`/v1/prompts/${slug}`)).status).toBe(404);
  });

  it('tells of withdrawals too, and of what is archived', async () => {
    await openInstance('web-1');
    await promote(LONG);
    const withdrawn = await move(`withdrawPrompt(input: { slug: "${slug}", channel: "stable" })`);
    expect(withdrawn).toMatchObject({ __typename: 'Promotion' });
    const newest = async () => {
      const document = `{ prompt(slug: "${slug}") { promotions(channel: "stable", first: 1) { edges { node { kind rollout { subscribers applied silent } } } } } }`;
      const { prompt } = (await b.execute(document)).data() as {
        prompt: { promotions: { edges: { node: Moved & { kind: string } }[] } };
      };
      return prompt.promotions.edges[0]?.node;
    };
    const rollout = { subscribers: 1, applied: 1, silent: 0 };
    await expect.poll(newest, PATIENCE).toEqual({ kind: 'WITHDRAWAL', rollout });
    await promote(LONG, '', 2);
    await a.execute(`mutation { archivePrompt(input: { slug: "${slug}" }) { __typename } }`);
    await expect.poll(newest, PATIENCE).toEqual({ kind: 'WITHDRAWAL', rollout });
  });

  it('holds no node that stops', async () => {
    const c = await startTestServer({ database, config: { adminKey } });
    await openInstance('web-1', { isMute: true });
    const waiting = timed(
      move(`promoteVersion(input: { slug: "${slug}", version: 1, waitForSubscribersMs: ${LONG} })`, c),
    );
    await expect.poll(async () => (await a.get(`/v1/prompts/${slug}`)).status, PATIENCE).toBe(200);
    const [, closedMs] = await timed(c.close());
    const [moved, tookMs] = await waiting;
    expect(moved.rollout).toEqual({ subscribers: 1, applied: 0, silent: 0 });
    expect(Math.max(tookMs, closedMs)).toBeLessThan(LONG / 2);
  });
});

describe('who has asked and gone', () => {
  it('is not waited for', async () => {
    await openInstance('web-1', { isMute: true });
    const query = `mutation { promoteVersion(input: { slug: "${slug}", version: 1, waitForSubscribersMs: ${LONG} }) { __typename } }`;
    const ending = new AbortController();
    b.statements.length = 0;
    const asked = fetch(`${b.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
      signal: ending.signal,
    });
    const looks = () => b.statements.filter((sql) => sql.includes('count(who.instance)')).length;
    await expect.poll(looks, PATIENCE).toBeGreaterThan(0);
    ending.abort();
    await expect(asked).rejects.toThrow('abort');
    // Half a second at most lies between two looks of one who waits.
    let before = -1;
    const hasStopped = () => {
      const now = looks();
      const same = now === before;
      before = now;
      return same;
    };
    await expect.poll(hasStopped, { timeout: 5_000, interval: 700 }).toBe(true);
  });
});

/** How many of them the table lists. */
async function listed(...names: readonly string[]): Promise<number | undefined> {
  const rows = await database.query<{ count: number }>(
    'SELECT count(DISTINCT instance)::int AS count FROM stream_subscriber WHERE instance = ANY($1)',
    [names],
  );
  return rows[0]?.count;
}
