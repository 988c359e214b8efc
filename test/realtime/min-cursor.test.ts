import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeFeedCursor, encodeFeedCursor } from '../../src/domain/cursor.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const MIN_CURSOR = 'X-PromptForge-Min-Cursor';
const ROUNDS = 50;
const config = { adminKey: 'min-cursor-admin-key-of-the-test', corsOrigins: [] };
const hash = Buffer.alloc(32, 7);

let database: TestDatabase;
let a: TestServer;
let b: TestServer;

beforeAll(async () => {
  database = await createTestDatabase();
  a = await startTestServer({ database, config });
  b = await startTestServer({ database, config });
  await write(a, 'createPrompt(input: { slug: "p", content: { template: "1" } }) { ... on Prompt { id } }');
  await edit(2);
  await promote(1);
});

afterAll(async () => {
  for (const node of [a, b]) await node.close();
  await database.drop();
});

interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly data?: Record<string, unknown>;
    readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[];
  };
}

async function graphql(
  node: TestServer,
  query: string,
  options: { headers?: Record<string, string>; extensions?: object; accept?: string } = {},
): Promise<Sent> {
  const response = await fetch(`${node.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${config.adminKey}`,
      'content-type': 'application/json',
      accept: options.accept ?? 'application/json',
      ...options.headers,
    },
    body: JSON.stringify({ query, extensions: options.extensions }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Sent['body'],
  };
}

/** @returns the cursor of the commit. */
async function write(node: TestServer, mutation: string): Promise<string> {
  const { body, headers } = await graphql(node, `mutation { ${mutation} }`);
  expect(body.errors).toBeUndefined();
  const cursor = headers.get('x-promptforge-cursor');
  if (cursor === null) throw new Error(`nothing was committed: ${JSON.stringify(body)}`);
  return cursor;
}

const edit = (number: number) =>
  write(
    a,
    `editPrompt(input: { slug: "p", content: { template: "${number}" } }) { ... on PromptVersion { id } }`,
  );
const promote = (version: number) =>
  write(a, `promoteVersion(input: { slug: "p", version: ${version} }) { ... on Promotion { id } }`);
const read = (cursor: string, path = '/v1/prompts/p') => b.get(path, { [MIN_CURSOR]: cursor });

async function ahead(): Promise<string> {
  const seq = decodeFeedCursor('head', await promote(1)).seq + 1_000_000n;
  return encodeFeedCursor({ seq, hash });
}

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const began = performance.now();
  return [await work, performance.now() - began];
}

const QUERY = '{ prompt(slug: "p") { version(channel: "stable") { number } } }';

describe('a read elsewhere that carries the cursor of a write', () => {
  it('is never older than the write', async () => {
    const seen: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const cursor = await promote(1 + (round % 2));
      const response = await read(cursor);
      expect(response.status).toBe(200);
      seen.push(response.headers.get('x-promptforge-version') ?? '');
    }
    expect(seen).toEqual(Array.from({ length: ROUNDS }, (_, round) => String(1 + (round % 2))));
  });

  it('is never older than the write, in every form of request', async () => {
    for (const version of [1, 2, 1]) {
      const cursor = await promote(version);
      const headers = { [MIN_CURSOR]: cursor };
      const rendered = await fetch(`${b.url}/v1/prompts/p/render`, {
        method: 'POST',
        headers: { authorization: `Bearer ${config.adminKey}`, ...headers },
        body: '{}',
      });
      expect(await rendered.json()).toMatchObject({ version });
      const extensions = { [MIN_CURSOR]: cursor };
      const expected = { prompt: { version: { number: version } } };
      expect((await graphql(b, QUERY, { headers })).body.data).toEqual(expected);
      expect((await graphql(b, QUERY, { extensions })).body.data).toEqual(expected);
      const parameters = new URLSearchParams({ query: QUERY, extensions: JSON.stringify(extensions) });
      const got = await b.get(`/graphql?${parameters}`, { accept: 'application/json' });
      expect(((await got.json()) as Sent['body']).data).toEqual(expected);
    }
  });

  it('asks nothing of the database when this node is that far', async () => {
    const cursor = await promote(2);
    await read(cursor);
    await read(cursor);
    const asked: string[][] = [];
    for (let time = 0; time < 5; time += 1) {
      b.statements.length = 0;
      const response = await read(cursor);
      expect(response.headers.get('x-promptforge-version')).toBe('2');
      asked.push(b.statements.filter((sql) => /serving|"event"\b|prompt/i.test(sql)));
    }
    // The feed polls by itself now and then, and may fall into one of them: a read that asks would ask each time.
    expect(asked).toContainEqual([]);
  });

  it('goes by the place alone: a cursor of another history that is not ahead is not waited for', async () => {
    const { seq } = decodeFeedCursor('head', await promote(1));
    await read(encodeFeedCursor({ seq, hash }));
    const [response, ms] = await timed(read(encodeFeedCursor({ seq: seq - 1n, hash })));
    expect(response.status).toBe(200);
    // Less than the wait for a place that is ahead.
    expect(ms).toBeLessThan(1_900);
  });
});

describe('a cursor that this node does not get to', () => {
  it('is waited for 2 s, then 503 in REST', async () => {
    const [response, ms] = await timed(read(await ahead()));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await response.json()).toMatchObject({
      code: 'UNAVAILABLE',
      detail: expect.stringContaining(MIN_CURSOR) as string,
    });
    expect(ms).toBeGreaterThan(1_900);
    expect(ms).toBeLessThan(3_000);
  });

  it('is waited for 2 s, then an error with a code in GraphQL, whose status the media type decides; nothing was executed', async () => {
    const cursor = await ahead();
    const mutation =
      'mutation { promoteVersion(input: { slug: "p", version: 2 }) { ... on Promotion { id } } }';
    const [answers, ms] = await timed(
      Promise.all([
        graphql(b, mutation, { headers: { [MIN_CURSOR]: cursor } }),
        graphql(b, QUERY, { extensions: { [MIN_CURSOR]: cursor } }),
        graphql(b, QUERY, {
          headers: { [MIN_CURSOR]: cursor },
          accept: 'application/graphql-response+json',
        }),
      ]),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 503]);
    for (const { body, headers } of answers) {
      expect(body.errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'UNAVAILABLE' }]);
      expect(body.data ?? null).toBeNull();
      expect(headers.get('retry-after')).toBe('1');
      expect(headers.get('x-promptforge-cursor')).toBeNull();
    }
    expect(ms).toBeLessThan(3_000);
    expect((await b.get('/v1/prompts/p')).headers.get('x-promptforge-version')).toBe('1');
  });

  it('ends the wait as soon as the node gets there', async () => {
    const { seq } = decodeFeedCursor('head', await promote(1));
    const waiting = read(encodeFeedCursor({ seq: seq + 1n, hash }));
    const [, ms] = await timed(Promise.all([waiting, promote(2)]));
    const response = await waiting;
    expect([response.status, response.headers.get('x-promptforge-version')]).toEqual([200, '2']);
    expect(ms).toBeLessThan(1_900);
  });

  it('looks for it once for each that comes at most, and a few times for all of them', async () => {
    const cursor = await ahead();
    b.statements.length = 0;
    const answers = await Promise.all(Array.from({ length: 100 }, () => read(cursor)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(b.statements.filter((sql) => sql.includes('"event"')).length).toBeLessThan(130);
  });
});

describe('what is no cursor', () => {
  it.each(['garbage', '', 'AAAA', 'two, cursors'])('%j is refused at once', async (text) => {
    const response = await read(text);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      400,
      'BAD_CURSOR',
    ]);
    const { body, status } = await graphql(b, QUERY, {
      headers: { [MIN_CURSOR]: text },
      accept: 'application/graphql-response+json',
    });
    expect([status, body.errors?.map(({ extensions }) => extensions.code)]).toEqual([400, ['BAD_CURSOR']]);
  });

  it.each([[1], [{}], [true]])('the extension %j is refused, null is absent', async (value) => {
    const { body } = await graphql(b, QUERY, { extensions: { [MIN_CURSOR]: value } });
    expect(body.errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_CURSOR']);
    expect((await graphql(b, QUERY, { extensions: { [MIN_CURSOR]: null } })).body.errors).toBeUndefined();
  });

  it('is not what a stranger learns of', async () => {
    const response = await fetch(`${b.url}/v1/prompts/p`, { headers: { [MIN_CURSOR]: 'garbage' } });
    expect(response.status).toBe(401);
  });
});
