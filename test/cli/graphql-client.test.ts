import { afterEach, describe, expect, it } from 'vitest';
import { CliError } from '../../src/cli/cli-error.ts';
import { parseConnection } from '../../src/cli/connection.ts';
import { graphqlClient } from '../../src/cli/graphql-client.ts';
import { startWireServer } from './wire-server.ts';
import type { WireAnswer, WireServer } from './wire-server.ts';

let server: WireServer;
afterEach(() => server.close());

async function ask(answer: (count: number) => WireAnswer): Promise<unknown> {
  server = await startWireServer((_request, count) => answer(count));
  return graphqlClient(parseConnection({ url: server.url, apiKey: 'key' }))('{ a }', { b: 1 });
}

async function failureOf(answer: (count: number) => WireAnswer): Promise<[number, string]> {
  const error = await ask(answer).catch((thrown: unknown) => thrown);
  if (!(error instanceof CliError)) throw new Error(`not a CliError: ${String(error)}`);
  return [error.exitCode, error.message];
}

function failed(message: string, extensions: Readonly<Record<string, string>>): WireAnswer {
  return { body: { errors: [{ message, extensions }], data: null } };
}

describe('graphqlClient', () => {
  it('sends the operation with the key and answers with its data', async () => {
    expect(await ask(() => ({ body: { data: { a: 2 } } }))).toEqual({ a: 2 });
    expect(server.requests).toMatchObject([
      { path: '/graphql', authorization: 'Bearer key', query: '{ a }', variables: { b: 1 } },
    ]);
  });

  it('says that it may be repeated when the connection breaks', async () => {
    expect(await failureOf(() => ({ cut: true }))).toEqual([3, expect.stringContaining('safe to repeat')]);
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, WireAnswer, number, string]>([
    ['401', { status: 401 }, 4, 'set PROMPTFORGE_API_KEY to a valid one'],
    ['403', { status: 403 }, 4, 'may not do this'],
    [
      'DOCUMENT_NOT_TRUSTED',
      // Nothing was executed: there is no `data`.
      {
        status: 403,
        body: { errors: [{ message: 'none of the manifest', extensions: { code: 'DOCUMENT_NOT_TRUSTED' } }] },
      },
      5,
      'the server refuses: none of the manifest',
    ],
    [
      '413',
      { status: 413, body: { detail: 'at most 65536 bytes' } },
      5,
      '(at most 65536 bytes): a key that may only read',
    ],
    [
      'a redirect',
      { status: 308, headers: { location: 'https://elsewhere/' } },
      5,
      'points to https://elsewhere/',
    ],
    ['a page', { status: 200, body: '<html>' }, 5, 'is no PromptForge server'],
    ['404', { status: 404, body: { detail: 'nothing here' } }, 5, 'nothing here'],
    ['500', { status: 500, body: 'oops' }, 5, 'HTTP 500'],
    ['a masked error', failed('Unexpected error', { requestId: 'r-1' }), 5, 'Unexpected error (request r-1)'],
    ['UNAUTHENTICATED', failed('who?', { code: 'UNAUTHENTICATED' }), 4, 'who?'],
    ['FORBIDDEN', failed('not yours', { code: 'FORBIDDEN' }), 4, 'not yours'],
    ['a long wait', { status: 429, headers: { 'retry-after': '3600' } }, 5, 'it asks to wait 3600 s'],
  ])('ends at once at %s', async (_title, answer, exitCode, told) => {
    expect(await failureOf(() => answer)).toEqual([exitCode, expect.stringContaining(told)]);
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, WireAnswer]>([
    ['429', { status: 429, headers: { 'retry-after': '0' } }],
    ['a date to come back', { status: 429, headers: { 'retry-after': new Date(0).toUTCString() } }],
    ['503 without a time', { status: 503 }],
    ['UNAVAILABLE', failed('no database', { code: 'UNAVAILABLE' })],
  ])('comes back after %s', async (_title, answer) => {
    expect(await ask((count) => (count < 3 ? answer : { body: { data: 'there' } }))).toBe('there');
    expect(server.requests).toHaveLength(3);
  });

  it('waits as long as the server asks', async () => {
    const start = performance.now();
    await ask((count) =>
      count < 2 ? { status: 503, headers: { 'retry-after': '1' } } : { body: { data: null } },
    );
    expect(performance.now() - start).toBeGreaterThan(990);
  });

  it.each<[string, WireAnswer, number]>([
    ['HTTP 503', { status: 503, headers: { 'retry-after': '0' } }, 3],
    ['HTTP 429', { status: 429, headers: { 'retry-after': '0' } }, 5],
  ])('gives up when %s stays', async (status, answer, exitCode) => {
    expect(await failureOf(() => answer)).toEqual([exitCode, expect.stringContaining(status)]);
    expect(server.requests).toHaveLength(5);
  });
});
