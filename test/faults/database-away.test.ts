import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeFeedCursor, encodeFeedCursor } from '../../src/domain/cursor.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { makeRoom, removeRoom } from './harness.ts';
import { startOwnDatabase } from './own-database.ts';
import type { OwnDatabase } from './own-database.ts';

const adminKey = 'the-admin-key-of-database-away';
const STALE = 'x-promptforge-stale';
const GRAPH_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/graphql-response+json',
};
const PATIENCE = { timeout: 15_000, interval: 20 };
const PROMOTE = `mutation ($version: Int!, $key: String) {
  promoteVersion(input: { slug: "a", version: $version, idempotencyKey: $key }) { ... on Promotion { id } ... on Error { code message } }
}`;

describe('with the database away', () => {
  let room: string;
  let database: OwnDatabase;
  let server: TestServer;
  let readerKey: string;

  beforeAll(async () => {
    room = await makeRoom();
    database = await startOwnDatabase(join(room, 'data'));
    server = await startTestServer({ database, config: { adminKey } });
    for (const slug of ['a', 'never-asked-for']) {
      await server.execute(
        `mutation { createPrompt(input: { slug: "${slug}", content: { template: "one" } }) { ... on Prompt { id } } }`,
      );
    }
    await server.execute(
      'mutation { editPrompt(input: { slug: "a", content: { template: "two" } }) { ... on PromptVersion { id } } }',
    );
    await promote(1);
    ({ key: readerKey } = await server.createKey('VIEWER'));
    for (const path of [
      '/v1/prompts/a',
      '/v1/prompts/a?_version=latest',
      '/v1/prompts/a?_version=2',
      '/v1/channels/stable',
      '/v1/prompts/nothing',
    ]) {
      await read(path);
    }
    for (let time = 0; time < 2; time += 1) await graph();
    await database.stop();
  });

  afterAll(async () => {
    await server.close();
    await database.stop();
    await removeRoom(room);
  });

  const read = (path: string) => server.get(path, { authorization: `Bearer ${readerKey}` });
  /** In the same bytes each time: its answer is kept. */
  const graph = (headers: Record<string, string> = {}) =>
    fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${readerKey}`, ...GRAPH_HEADERS, ...headers },
      body: '{"query":"{ prompt(slug: \\"a\\") { version(channel: \\"stable\\") { template } } }"}',
    });

  async function promote(version: number, key: string | null = null) {
    const answer = await server.execute<{ promoteVersion: { id?: string; code?: string } }, object>(PROMOTE, {
      version,
      key,
    });
    return answer.data().promoteVersion;
  }

  it('reads of what was served go on, and say that they may be stale', async () => {
    const first = await read('/v1/prompts/a');
    expect(first.status).toBe(200);
    await expect
      .poll(async () => (await read('/v1/prompts/a')).headers.get('x-promptforge-stale'), PATIENCE)
      .toBe('true');
    for (const [path, template] of [
      ['/v1/prompts/a', 'one'],
      ['/v1/prompts/a?_version=latest', 'two'],
      ['/v1/prompts/a?_version=2', 'two'],
    ] as const) {
      const answer = await read(path);
      expect([answer.status, answer.headers.get('x-promptforge-stale')]).toEqual([200, 'true']);
      expect(await answer.json()).toMatchObject({ template });
    }
    const etag = first.headers.get('etag') ?? '';
    const again = await server.get('/v1/prompts/a', {
      authorization: `Bearer ${readerKey}`,
      'if-none-match': etag,
    });
    expect([again.status, again.headers.get('x-promptforge-stale')]).toEqual([304, 'true']);
  });

  it('so do operations of the graph on what was served', async () => {
    const answer = await graph();
    expect([answer.status, answer.headers.get(STALE)]).toEqual([200, 'true']);
    expect(await answer.json()).toEqual({ data: { prompt: { version: { template: 'one' } } } });
  });

  it('what a channel served as a whole goes on too, while nothing was committed since', async () => {
    const whole = await read('/v1/channels/stable');
    expect([whole.status, whole.headers.get('x-promptforge-stale')]).toEqual([200, 'true']);
    expect(await whole.json()).toMatchObject({ entries: [{ slug: 'a', template: 'one' }] });
    const again = await server.get('/v1/channels/stable', {
      authorization: `Bearer ${readerKey}`,
      'if-none-match': whole.headers.get('etag') ?? '',
    });
    expect([again.status, again.headers.get('x-promptforge-stale')]).toEqual([304, 'true']);
  });

  it('what is in memory is served to who asks for nothing newer, and 503 to who does', async () => {
    const headers = { authorization: `Bearer ${readerKey}` };
    const served = (await read('/v1/prompts/a')).headers.get('x-promptforge-cursor') ?? '';
    const { seq, hashPrefix } = decodeFeedCursor('served', served);
    const newer = encodeFeedCursor({ seq: seq + 1_000n, hash: hashPrefix });
    for (const [cursor, status] of [
      [served, 200],
      [newer, 503],
    ] as const) {
      const place = { 'x-promptforge-min-cursor': cursor };
      const answer = await server.get('/v1/prompts/a', { ...headers, ...place });
      expect([answer.status, (await graph(place)).status]).toEqual([status, status]);
    }
  });

  it('what was known not to be there is 503: nobody knows whether it still is not', async () => {
    await expect.poll(async () => (await read('/v1/prompts/nothing')).status, PATIENCE).toBe(503);
    expect(await (await read('/v1/prompts/nothing')).json()).toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('what was never served is 503, and so is a key that nobody has seen', async () => {
    for (const path of [
      '/v1/prompts/never-asked-for',
      '/v1/prompts/a?_version=1',
      '/v1/prompts/unknown',
      '/v1/channels/latest',
    ]) {
      const answer = await read(path);
      expect([path, answer.status]).toEqual([path, 503]);
      expect(await answer.json()).toMatchObject({ code: 'UNAVAILABLE' });
    }
    const stranger = await server.get('/v1/prompts/a', { authorization: `Bearer pf_${'A'.repeat(43)}` });
    expect([401, 503]).toContain(stranger.status);
  });

  it('mutations answer with the typed refusal within 3 s, however many there are', async () => {
    const took = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const began = Date.now();
        expect(await promote(2)).toMatchObject({ code: 'UNAVAILABLE' });
        return Date.now() - began;
      }),
    );
    expect(Math.max(...took)).toBeLessThan(3_000);
  });

  it('queries carry the same code', async () => {
    const answer = await server.execute('{ prompt(slug: "a") { id } }');
    expect(answer.errors().map((error) => error.extensions?.code)).toEqual(['UNAVAILABLE']);
  });

  it('the node is ready, degraded and alive', async () => {
    const ready = await fetch(`${server.url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      ready: true,
      degraded: true,
      reasons: [expect.stringContaining('does not answer')],
    });
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  });

  it('nothing of it is logged as unexpected', () => {
    expect(server.logged.filter(({ level }) => level >= 50)).toEqual([]);
    expect(server.logged.map(({ msg }) => msg)).toContain(
      'the database does not answer: reads go on from memory',
    );
  });

  describe('and back again', () => {
    beforeAll(async () => {
      await database.start();
    });

    it('writes work within 5 s, and what they change is served', async () => {
      await expect
        .poll(() => promote(2, 'after the outage'), { timeout: 5_000, interval: 50 })
        .toHaveProperty('id');
      expect(await (await read('/v1/prompts/a')).json()).toMatchObject({ version: 2 });
      await expect
        .poll(async () => (await read('/v1/prompts/a')).headers.get('x-promptforge-stale'), PATIENCE)
        .toBeNull();
      expect((await read('/v1/prompts/never-asked-for?_version=latest')).status).toBe(200);
    });

    it('the node is healthy again', async () => {
      const readiness = async () => (await fetch(`${server.url}/readyz`)).json();
      await expect.poll(readiness, PATIENCE).toEqual({ ready: true, degraded: false, reasons: [] });
      expect(server.logged.map(({ msg }) => msg)).toContain('the database answers again');
    });

    it('the pools have kept nothing: as many connections as allowed, none in a transaction', async () => {
      const versions = Array.from({ length: 20 }, (_, index) => 1 + (index % 2));
      // Twenty at once queue at one prompt: on a busy machine longer than a transaction may take, and are repeated then.
      const patiently = async (version: number, tries = 5): ReturnType<typeof promote> => {
        const answer = await promote(version);
        return answer.id === undefined && tries > 1 ? patiently(version, tries - 1) : answer;
      };
      const answers = await Promise.all(versions.map((version) => patiently(version)));
      expect(answers.filter((answer) => answer.id === undefined)).toEqual([]);
      const connections = () =>
        database.query<{ name: string; n: number; busy: number }>(
          `SELECT application_name AS name, count(*)::int AS n, count(*) FILTER (WHERE state <> 'idle')::int AS busy
           FROM pg_stat_activity WHERE application_name LIKE 'promptforge:%er' GROUP BY 1 ORDER BY 1`,
        );
      await expect.poll(async () => (await connections()).map(({ busy }) => busy), PATIENCE).toEqual([0, 0]);
      const [readers, writers] = await connections();
      expect(readers).toMatchObject({ name: 'promptforge:reader' });
      expect(readers?.n).toBeLessThanOrEqual(12);
      // The door that makes keys for the tests has a pool of writers of its own.
      expect(writers?.n).toBeLessThanOrEqual(12);
    });
  });
});

describe('a database in another time zone', () => {
  let server: TestServer;
  const began = Date.now();

  beforeAll(async () => {
    const database = await createTestDatabase();
    await database.query(`ALTER DATABASE ${database.name} SET timezone = 'Asia/Kathmandu'`);
    await database.query(`ALTER DATABASE ${database.name} SET datestyle = 'SQL, DMY'`);
    await database.query(`ALTER DATABASE ${database.name} SET bytea_output = 'escape'`);
    server = await startTestServer({ database, config: { adminKey } });
  });

  afterAll(async () => {
    await server.close();
    await server.database.drop();
  });

  it('gives the right times, through GraphQL, REST and the log', async () => {
    const committedAt = '2024-02-29T23:59:59.999Z';
    const imported = await server.execute(
      `mutation { importVersions(input: { versions: [{ slug: "z", committedAt: "${committedAt}", content: { template: "x" } }] }) {
        ... on ImportReport { created } ... on Error { message } } }`,
    );
    expect(imported.data()).toEqual({ importVersions: { created: 1 } });
    await server.execute(
      'mutation { promoteVersion(input: { slug: "z", version: 1 }) { ... on Promotion { id } } }',
    );
    const answer = await server.execute<
      {
        prompt: { createdAt: string; updatedAt: string; latest: { createdAt: string } };
        events: { edges: { node: { at: string } }[] };
      },
      object
    >(
      '{ prompt(slug: "z") { createdAt updatedAt latest { createdAt } } events(first: 100) { edges { node { at } } } }',
    );
    const { prompt, events } = answer.data();
    expect(prompt.latest.createdAt).toBe(committedAt);
    const { promotedAt } = (await (await server.get('/v1/prompts/z')).json()) as { promotedAt: string };
    const now = Date.now();
    for (const time of [promotedAt, prompt.updatedAt, ...events.edges.map(({ node }) => node.at)]) {
      expect(Date.parse(time), time).toBeGreaterThan(began - 5_000);
      expect(Date.parse(time), time).toBeLessThan(now + 5_000);
    }
  });
});
