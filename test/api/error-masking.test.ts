import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'mask/one');
  await promote(server, 'mask/one', 1);
  // What nobody foresaw: a column is gone.
  await server.database.query('ALTER TABLE "prompt_version" RENAME COLUMN content_hash TO content_hash_gone');
});
afterAll(() => server.close());

/** Nothing of the inside: no SQL, no table or column, no file, no stack, no library. */
const INSIDE =
  /content_hash|prompt_version|SELECT|column|relation|prisma|postgres|node_modules|\.ts|\bat \w+ \(|stack|P\d{4}|42703/i;

async function faultLogged(id: string): Promise<void> {
  const line = server.logged.find((entry) => JSON.stringify(entry).includes(id));
  expect(line?.level).toBe(50);
  expect(JSON.stringify(line)).toMatch(/content_hash/);
  expect(JSON.stringify(line)).toMatch(/"stack"/);
}

describe('an unexpected failure', () => {
  it('of a query answers with a request id and nothing else, and the log holds the rest under it', async () => {
    const answer = await server.execute(
      '{ ok: channels { name } prompt(slug: "mask/one") { latest { contentHash } } }',
    );
    const [error, ...more] = answer.errors();
    expect(more).toEqual([]);
    expect(error).toEqual({
      message: expect.any(String) as string,
      path: ['prompt'],
      locations: expect.any(Array) as object[],
      extensions: {
        code: 'INTERNAL_SERVER_ERROR',
        requestId: expect.stringMatching(/^[\da-f-]{36}$/) as string,
      },
    });
    expect(
      JSON.stringify(answer.errors().map(({ message, extensions }) => [message, extensions])),
    ).not.toMatch(INSIDE);
    await faultLogged(
      (error?.extensions as { requestId?: string } | undefined)?.requestId ?? 'no request id',
    );
  });

  it('of a mutation is masked too, not a member of its union, and has changed nothing', async () => {
    const events = async () => (await server.execute('{ events { totalCount } }')).data();
    const before = await events();
    const answer = await server.execute(
      'mutation { createPrompt(input: { slug: "mask/two", content: { template: "x" } }) { __typename ... on Error { code message } } }',
    );
    expect(answer.errors()[0]?.extensions?.code).toBe('INTERNAL_SERVER_ERROR');
    expect(
      JSON.stringify(answer.errors().map(({ message, extensions }) => [message, extensions])),
    ).not.toMatch(INSIDE);
    expect(await events()).toEqual(before);
  });

  it('of REST delivery is a problem with a request id', async () => {
    const response = await server.get('/v1/prompts/mask/one');
    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    const text = await response.text();
    expect(text).not.toMatch(INSIDE);
    const problem = JSON.parse(text) as { code: string; requestId: string };
    expect(problem.code).toBe('INTERNAL_SERVER_ERROR');
    expect(response.headers.get('x-request-id')).toBe(problem.requestId);
    await faultLogged(problem.requestId);
  });

  it('does not hide what a client did wrong beside it', async () => {
    const answer = await server.execute(
      '{ bad: prompt(slug: "mask/one") { versions(first: 101) { totalCount } } prompt(slug: "mask/one") { latest { contentHash } } }',
    );
    expect(new Set(answer.errors().map(({ extensions }) => extensions?.code))).toEqual(
      new Set(['INTERNAL_SERVER_ERROR', 'INVALID_INPUT']),
    );
  });

  it('gives each request an id of its own, in a header', async () => {
    const ids = await Promise.all(
      [1, 2, 3].map(async () => (await server.execute('{ __typename }')).headers.get('x-request-id')),
    );
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[\da-f-]{36}$/);
  });
});
