import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { readText } from '../docs/markdown.ts';
import { createPrompt } from './registry.ts';

const KIB = 1024;
const READER_MAX = 64 * KIB;
const WRITER_MAX = 8 * 1024 * KIB;

let server: TestServer;
let readerKey: string;
beforeAll(async () => {
  server = await startTestServer();
  readerKey = (await server.createKey('VIEWER')).key;
  await createPrompt(server, 'bodies/one');
});
afterAll(() => server.close());

interface Answered {
  readonly status: number;
  readonly body: {
    errors?: { message: string; extensions?: { code?: string } }[];
    data?: unknown;
    code?: string;
    detail?: string;
  };
}

/** Sends a body as it is. `chunked`: without a declared length, in pieces. */
function send(
  body: Uint8Array | string,
  options: { key?: string; chunked?: boolean; type?: string | null; path?: string } = {},
): Promise<Answered> {
  const { key = server.adminKey, chunked = false, type = 'application/json', path = '/graphql' } = options;
  const bytes = Buffer.from(body);
  const headers = {
    authorization: `Bearer ${key}`,
    accept: 'application/json',
    ...(type === null ? {} : { 'content-type': type }),
    ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes.length }),
  };
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const sent = request({ hostname, port, path, method: 'POST', headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          body: JSON.parse(Buffer.concat(chunks).toString() || '{}') as Answered['body'],
        }),
      );
    });
    // A server that has answered 413 may close before it has read everything: the answer counts.
    sent.on('error', (error) => setImmediate(() => reject(error)));
    for (let at = 0; at < bytes.length; at += 64 * KIB) sent.write(bytes.subarray(at, at + 64 * KIB));
    sent.end();
  });
}

function padded(bytes: number): string {
  const head = '{"query":"{ __typename }","variables":{"padding":"';
  return `${head}${'x'.repeat(bytes - head.length - 3)}"}}`;
}

describe('the limit of a body', () => {
  it.each([
    ['64 KiB for a key that only reads', READER_MAX, () => readerKey],
    ['8 MiB for a key that may write', WRITER_MAX, () => server.adminKey],
  ])('is %s: with and without a declared length, on GraphQL and REST', async (_what, max, key) => {
    for (const chunked of [false, true]) {
      expect((await send(padded(max), { key: key(), chunked })).status, `${max} ${chunked}`).toBe(200);
      const over = await send(padded(max + 1), { key: key(), chunked });
      expect(over.status, `${max + 1} ${chunked}`).toBe(413);
      expect(over.body).toMatchObject({
        code: 'PAYLOAD_TOO_LARGE',
        status: 413,
        detail: expect.stringContaining(String(max)) as string,
      });
      const path = '/v1/prompts/bodies/one/render?_version=latest';
      expect((await send(padded(max + 1), { key: key(), chunked, path })).status).toBe(413);
    }
  });

  it('holds for compressed bodies as for others: they are not unpacked', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'content-type': 'application/json',
        'content-encoding': 'gzip',
      },
      body: new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
    });
    expect([400, 415]).toContain(response.status);
  });
});

describe('a body that is no request', () => {
  it.each<[string, string | Uint8Array]>([
    ['an empty one', ''],
    ['half of a JSON', '{"query":"{ __typename }"'],
    ['no JSON', 'query { __typename }'],
    ['null', 'null'],
    ['a number', '17'],
    ['a text', '"{ __typename }"'],
    ['an empty object', '{}'],
    ['a batch', '[{"query":"{ __typename }"},{"query":"{ __typename }"}]'],
    ['an empty batch', '[]'],
    ['a query that is no text', '{"query":{"a":1}}'],
    ['a query that is empty', '{"query":""}'],
    ['variables that are a text', '{"query":"{ __typename }","variables":"x"}'],
    ['variables that are a list', '{"query":"{ __typename }","variables":[1]}'],
    ['variables that are a number', '{"query":"{ __typename }","variables":1}'],
    ['an operationName that is no text', '{"query":"{ __typename }","operationName":1}'],
    ['an operationName that is not there', '{"query":"query A { __typename }","operationName":"B"}'],
    ['extensions that are a text', '{"query":"{ __typename }","extensions":"x"}'],
    ['a document that is none', '{"query":"{ __typename"}'],
    [
      'invalid UTF-8',
      Buffer.concat([
        Buffer.from('{"query":"{ __typename }","variables":{"a":"'),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('"}}'),
      ]),
    ],
    [
      'invalid UTF-8 where a slug is meant',
      Buffer.concat([
        Buffer.from('{"query":"query($s:String!){prompt(slug:$s){id}}","variables":{"s":"'),
        Buffer.from([0xff]),
        Buffer.from('"}}'),
      ]),
    ],
    ['UTF-16', Buffer.from('\uFEFF{"query":"{ __typename }"}', 'utf16le')],
  ])('is refused without being run: %s', async (_what, body) => {
    const before = server.logged.length;
    const answer = await send(body);
    expect(answer.body.data ?? null).toBeNull();
    expect(answer.body.errors?.[0]?.message ?? answer.body.detail).toBeTypeOf('string');
    expect(JSON.stringify(answer.body)).not.toMatch(/INTERNAL_SERVER_ERROR|originalError|SyntaxError/);
    expect(answer.status).toBeLessThan(500);
    expect(answer.status === 200 || answer.status >= 400).toBe(true);
    expect(server.logged.slice(before).filter(({ level }) => level >= 50)).toEqual([]);
  });

  it.each(['text/plain', 'multipart/form-data; boundary=x', 'application/xml', null])(
    'is one of another type: %s',
    async (type) => {
      const answer = await send(
        '{"query":"mutation { archivePrompt(input: { slug: \\"bodies/one\\" }) { __typename } }"}',
        { type },
      );
      expect(answer).toMatchObject({
        status: 415,
        body: {
          code: 'UNSUPPORTED_MEDIA_TYPE',
          detail: expect.stringContaining('application/json') as string,
        },
      });
      expect((await server.execute('{ prompt(slug: "bodies/one") { archivedAt } }')).data()).toEqual({
        prompt: { archivedAt: null },
      });
    },
  );

  it.each(['"x"', '{"a":1}', '[[1]]', 'true', '1.5', '99999999999'])(
    'has a variable of the wrong type: %s',
    async (first) => {
      const { body } = await send(
        `{"query":"query($n:Int){prompts(first:$n){totalCount}}","variables":{"n":${first}}}`,
      );
      expect(body.errors?.[0]?.message).toMatch(/\$n/);
      expect(body.errors?.[0]?.extensions?.code).toBe('INVALID_INPUT');
    },
  );
});

describe('a request that GraphQL refuses as such', () => {
  it.each([
    ['BAD_REQUEST', 400, '{"query":'],
    ['BAD_REQUEST', 400, '{"quer":"{ __typename }"}'],
    ['GRAPHQL_PARSE_FAILED', 400, '{"query":"{ __typename"}'],
    ['GRAPHQL_VALIDATION_FAILED', 400, '{"query":"{ nothing }"}'],
    ['OPERATION_RESOLUTION_FAILURE', 400, '{"query":"query A { __typename }","operationName":"B"}'],
  ])('has the code %s', async (code, status, body) => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'content-type': 'application/json',
        accept: 'application/graphql-response+json',
      },
      body,
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code } }] });
    expect(readText('docs/http.md')).toContain(`\`${code}\``);
  });
});

describe('GET', () => {
  const get = (query: string, path = '/graphql') =>
    server.get(`${path}?query=${encodeURIComponent(query)}`, { accept: 'application/json' });

  it('answers queries', async () => {
    expect(await (await get('{ prompt(slug: "bodies/one") { slug } }')).json()).toEqual({
      data: { prompt: { slug: 'bodies/one' } },
    });
  });

  it('refuses mutations and changes nothing', async () => {
    const response = await get('mutation { archivePrompt(input: { slug: "bodies/one" }) { __typename } }');
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
    expect((await server.execute('{ prompt(slug: "bodies/one") { archivedAt } }')).data()).toEqual({
      prompt: { archivedAt: null },
    });
  });

  it.each(['PUT', 'DELETE', 'PATCH'])('and POST are all there is, not %s', async (method) => {
    const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
    const response = await fetch(`${server.url}/graphql?query=%7B__typename%7D`, { method, headers });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toMatch(/POST/);
  });
});

describe('the limits of a document', () => {
  const nested = (depth: number) =>
    `{ prompt(slug: "bodies/one") { ${'latest { prompt { '.repeat(depth)} slug ${'} }'.repeat(depth)} } }`;
  it.each([
    ['deep', nested(8), 'depth'],
    [
      'with many aliases',
      `{ ${Array.from({ length: 16 }, (_, n) => `a${n}: __typename`).join(' ')} }`,
      'aliases',
    ],
    ['with many root fields', `{ ${'__typename '.repeat(51)} }`, 'rootFields'],
    ['with many directives', `{ __typename ${'@skip(if: false) '.repeat(21)} }`, 'directives'],
    ['with many tokens', `{ ${'__typename '.repeat(1_600)} }`, 'tokens'],
    [
      'with a fragment bomb',
      `{ ...f0 } ${Array.from({ length: 20 }, (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`).join(' ')} fragment f20 on Query { __typename }`,
      'fields',
    ],
  ])('refuse one %s with a code', async (_what, query, limit) => {
    const errors = (await server.execute(query)).errors();
    expect(errors.map(({ extensions }) => extensions?.code)).toEqual(errors.map(() => 'QUERY_LIMIT'));
    expect(JSON.stringify(errors)).toContain(`"limit":"${limit}"`);
  });

  it('let introspection through', async () => {
    const { getIntrospectionQuery } = await import('graphql');
    expect((await server.execute(getIntrospectionQuery())).errors()).toEqual([]);
  });

  it('answer few errors for a document full of them, each with a code', async () => {
    const errors = (
      await server.execute(`{ ${Array.from({ length: 40 }, (_, n) => `unknown${n}`).join(' ')} }`)
    ).errors();
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.length).toBeLessThanOrEqual(10);
    expect((await server.execute('{ unknown }')).errors()[0]?.extensions?.code).toBe(
      'GRAPHQL_VALIDATION_FAILED',
    );
    expect((await server.execute('{ prompts')).errors()[0]?.extensions?.code).toBe('GRAPHQL_PARSE_FAILED');
  });
});
