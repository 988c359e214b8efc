import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import { purgeApplied } from '../../src/db/applied-cursors.ts';
import { decodeFeedCursor, encodeFeedCursor } from '../../src/domain/cursor.ts';
import { startAppliedCursors } from '../../src/server/applied-cursors.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { keyOf } from './limited-keys.ts';

const PATIENCE = { timeout: 10_000, interval: 20 };

let server: TestServer;
let opened: Database;
/** Places of the log, in its order. */
let places: string[];

beforeAll(async () => {
  server = await startTestServer({ config: { rateLimits: { key: 1, address: 0 } } });
  opened = openDatabase({ address: { connectionString: server.database.url }, onIdleError: () => undefined });
  const actor = await server.systemOf('default');
  await server.app.createPrompt(actor, { slug: 'applied/one', content: { template: 'one' } });
  for (let time = 0; time < 3; time += 1)
    await server.app.promoteVersion(actor, { slug: 'applied/one', version: 1 });
  const rows = await server.database.query<{ seq: string; hash: Buffer }>(
    `SELECT seq, hash FROM event WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 3`,
    [actor.workspaceId],
  );
  places = rows.toReversed().map(({ seq, hash }) => encodeFeedCursor({ seq: BigInt(seq), hash }));
});
afterAll(async () => {
  await opened.close();
  await server.close();
});
beforeEach(async () => {
  await server.database.query('TRUNCATE applied_cursor');
});

async function post(body: unknown, { key = server.adminKey, channel = 'stable', method = 'POST' } = {}) {
  const response = await fetch(`${server.url}/v1/channels/${channel}/applied`, {
    method,
    headers: { authorization: `Bearer ${key}` },
    ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  return { status: response.status, ...(text === '' ? {} : (JSON.parse(text) as object)) };
}

const stored = () =>
  server.database.query<{ instance: string; cursor: string; actor_id: string }>(
    'SELECT instance, cursor, actor_id FROM applied_cursor ORDER BY instance, actor_id',
  );
const cursors = async () => (await stored()).map(({ cursor }) => cursor);
/** Another history: the same sequence, another hash. */
function elsewhere(cursor: string): string {
  const { seq } = decodeFeedCursor('cursor', cursor);
  return encodeFeedCursor({ seq, hash: Buffer.alloc(32, 7) });
}
const serviceKey = () => keyOf(server, 'SERVICE');

describe('POST /v1/channels/{name}/applied', () => {
  it('takes note of how far an instance is, of each key by itself', async () => {
    const [one, other] = [await serviceKey(), await serviceKey()];
    expect(await post({ instance: 'web-1', cursor: places[0] }, { key: one })).toEqual({ status: 204 });
    expect(await post({ instance: 'web-1', cursor: places[1] }, { key: other })).toEqual({ status: 204 });
    await expect.poll(stored, PATIENCE).toHaveLength(2);
    const rows = await stored();
    expect(new Set(rows.map(({ actor_id }) => actor_id)).size).toBe(2);
    expect(new Set(rows.map(({ cursor }) => cursor))).toEqual(new Set(places.slice(0, 2)));
  });

  it('keeps the furthest place, in whichever order they come, and none that this history does not hold', async () => {
    const key = await serviceKey();
    const say = async (cursor: string | undefined) => {
      expect(await post({ instance: 'web-1', cursor }, { key })).toEqual({ status: 204 });
    };
    const [first = '', second = '', third = ''] = places;
    const beyond = encodeFeedCursor({ seq: 1_000_000n, hash: Buffer.alloc(32) });
    for (const cursor of [second, elsewhere(third), beyond, first]) await say(cursor);
    await expect.poll(cursors, PATIENCE).toEqual([second]);
    for (const cursor of [first, elsewhere(third)]) await say(cursor);
    await post({ instance: 'last', cursor: first }, { key });
    await expect.poll(cursors, PATIENCE).toEqual([first, second]);
    await say(third);
    await expect.poll(cursors, PATIENCE).toEqual([first, third]);
  });

  it('refuses what is wrong with what would be right', async () => {
    const key = await serviceKey();
    const good = { instance: 'web-1', cursor: places[0] };
    const limited = await keyOf(server, 'SERVICE', { channels: ['latest'] });
    for (const [body, options, expected] of [
      ['{', {}, { status: 400, code: 'INVALID_INPUT' }],
      ['[]', {}, { status: 400, code: 'INVALID_INPUT' }],
      [{ cursor: places[0] }, {}, { status: 400, code: 'INVALID_INPUT', field: 'instance' }],
      [{ ...good, instance: 'a b' }, {}, { status: 400, code: 'INVALID_INPUT', field: 'instance' }],
      [{ ...good, instance: 'a\u0000' }, {}, { status: 400, code: 'INVALID_INPUT', field: 'instance' }],
      [{ ...good, instance: '\ud800' }, {}, { status: 400, code: 'INVALID_INPUT', field: 'instance' }],
      [{ ...good, instance: 'x'.repeat(65) }, {}, { status: 400, field: 'instance' }],
      [{ ...good, cursor: 'x' }, {}, { status: 400, code: 'BAD_CURSOR', field: 'cursor' }],
    ] as const)
      expect([body, await post(body, { key: await serviceKey(), ...options })]).toMatchObject([
        body,
        expected,
      ]);
    expect(await post(good, { key: 'no' })).toMatchObject({ status: 401 });
    expect(await post(good, { key, channel: 'nothing' })).toMatchObject({ status: 404 });
    expect(await post(good, { key, channel: 'Not%20One' })).toMatchObject({ status: 404 });
    expect(await post(good, { key: limited })).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await post(good, { key, method: 'GET' })).toMatchObject({ status: 405 });
    expect(await post({ ...good, more: 'x'.repeat(5_000) }, { key })).toMatchObject({ status: 413 });
    expect(await stored()).toEqual([]);
  });

  it('is counted by itself: a fleet that says what it has applied leaves its key what it may ask for', async () => {
    const key = await serviceKey();
    const say = () => post({ instance: 'web-1', cursor: places[0] }, { key });
    for (let time = 0; time < 10; time += 1) expect(await say()).toEqual({ status: 204 });
    expect(await say()).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    const read = await server.get('/v1/prompts/applied/one', { authorization: `Bearer ${key}` });
    expect(read.status).toBe(200);
    // The node writes a moment later what it was told: not into the next test.
    await expect.poll(cursors, PATIENCE).toEqual([places[0]]);
  });
});

describe('what instances say', () => {
  const said = (values: object = {}) => ({
    workspaceId: '',
    actorId: 'k',
    channel: 'stable',
    instance: 'web-1',
    cursor: places[2] ?? '',
    ...decodeFeedCursor('cursor', places[2] ?? ''),
    ...values,
  });

  async function collect() {
    const { workspaceId } = await server.systemOf('default');
    const applied = startAppliedCursors(opened, pino({ level: 'silent' }));
    return { applied, workspaceId };
  }

  it('is written in one statement, and a workspace that is gone holds up no other', async () => {
    const { applied, workspaceId } = await collect();
    const gone = '00000000-0000-4000-8000-000000000000';
    for (let index = 0; index < 50; index += 1)
      applied.note(said({ workspaceId: index === 7 ? gone : workspaceId, instance: `i-${index}` }));
    await applied.stop();
    const rows = await server.database.query<{ xmin: string }>(
      `SELECT xmin::text FROM applied_cursor WHERE instance LIKE 'i-%'`,
    );
    expect(rows).toHaveLength(49);
    expect(new Set(rows.map(({ xmin }) => xmin)).size).toBe(1);
  });

  it('is bounded for a key, and goes on for the others', async () => {
    const { applied, workspaceId } = await collect();
    const note = (values: object) => applied.note(said({ workspaceId: 'none', ...values }));
    for (let index = 0; index < 20_000; index += 1) expect(note({ instance: `i-${index}` })).toBe(true);
    expect(note({ instance: 'one more' })).toBe(false);
    expect(note({ instance: 'i-7' })).toBe(true);
    expect(note({ instance: 'one more', actorId: 'other', workspaceId })).toBe(true);
    await applied.stop();
  });

  it('is forgotten after two days, unless the instance listens', async () => {
    const { applied, workspaceId } = await collect();
    for (const instance of ['listens', 'gone', 'new']) applied.note(said({ workspaceId, instance }));
    await applied.stop();
    await server.database.query(
      `UPDATE applied_cursor SET at = now() - interval '3 days' WHERE instance <> 'new'`,
    );
    await server.database.query(`INSERT INTO stream_node VALUES ($1, $1, now())`, [workspaceId]);
    await server.database.query(
      `INSERT INTO stream_subscriber (workspace_id, node_id, id, channel, transport, actor_id, actor_kind, actor_name, since, instance)
       VALUES ($1, $1, 's', 'stable', 'SSE', 'k', 'API_KEY', 'web', now(), 'listens')`,
      [workspaceId],
    );
    expect(await purgeApplied(opened.writer)).toBe(1);
    expect((await stored()).map(({ instance }) => instance)).toEqual(['listens', 'new']);
  });
});
