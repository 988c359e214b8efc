import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigInvalid } from '../../src/server/config.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { openAcknowledged } from '../support/socket.ts';
import { answered, get, hashOf, named, NUMBER, post, SERVED, variables } from './documents-fixture.ts';
import { createPrompt, promote } from './registry.ts';

const OWNER = '{ prompt(slug: "named/text") { owner } }';
const FOLLOW = 'subscription { channelEvents(snapshot: true) { __typename } }';
const directory = mkdtempSync(join(tmpdir(), 'documents-'));

let open: TestServer;
let trusting: TestServer;

beforeAll(async () => {
  open = await startTestServer();
  await createPrompt(open, 'named/text');
  await promote(open, 'named/text', 1);
  trusting = await startTestServer({
    database: open.database,
    config: {
      adminKey: 'configured-admin-key-of-a-test',
      trustedDocuments: manifest({ one: NUMBER, two: FOLLOW }),
    },
  });
});

afterAll(async () => {
  await trusting.close();
  await open.close();
  rmSync(directory, { recursive: true });
});

let manifests = 0;
function manifest(content: unknown): string {
  const path = join(directory, `${(manifests += 1)}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('automatic persisted queries', () => {
  it.each([
    ['from memory', NUMBER, SERVED.data],
    ['from the database', OWNER, { prompt: { owner: null } }],
  ])('are registered by their first text and named after that: %s', async (_, query, data) => {
    const unknown = { status: 200, code: 'PERSISTED_QUERY_NOT_FOUND', message: 'PersistedQueryNotFound' };
    expect(await post(open, { extensions: named(query), variables })).toMatchObject(unknown);
    expect(await get(open, { extensions: named(query), variables })).toMatchObject(unknown);
    for (let time = 0; time < 2; time += 1)
      expect(await post(open, { query, extensions: named(query), variables })).toMatchObject({
        status: 200,
        data,
      });
    for (let time = 0; time < 2; time += 1) {
      expect(await post(open, { extensions: named(query), variables })).toMatchObject({ status: 200, data });
      expect(await get(open, { extensions: named(query), variables })).toMatchObject({ status: 200, data });
      expect(await post(open, { documentId: hashOf(query), variables })).toMatchObject({ status: 200, data });
      expect(await get(open, { documentId: `sha256:${hashOf(query)}`, variables })).toMatchObject({
        status: 200,
        data,
      });
    }
  });

  it('answer a mutation by POST, never by GET', async () => {
    const query =
      'mutation { lintNothing: updatePrompt(input: { slug: "named/text", owner: "me" }) { __typename } }';
    expect((await post(open, { query, extensions: named(query) })).status).toBe(200);
    expect((await post(open, { extensions: named(query) })).data).toEqual({
      lintNothing: { __typename: 'Prompt' },
    });
    expect(await get(open, { extensions: named(query) })).toMatchObject({ status: 405 });
  });

  it('are not registered under a hash that is not theirs, nor when they are not valid', async () => {
    const query = '{ prompt(slug: "named/text") { slug tags } }';
    const extensions = named(query);
    expect(await post(open, { query: OWNER, extensions })).toMatchObject({
      status: 400,
      code: 'PERSISTED_QUERY_MISMATCH',
    });
    expect((await post(open, { extensions })).code).toBe('PERSISTED_QUERY_NOT_FOUND');
    const invalid = '{ prompts { nothing } }';
    expect((await post(open, { query: invalid, extensions: named(invalid) })).code).toBe(
      'GRAPHQL_VALIDATION_FAILED',
    );
    expect((await post(open, { extensions: named(invalid) })).code).toBe('PERSISTED_QUERY_NOT_FOUND');
  });

  it.each([
    [{ persistedQuery: { version: 2, sha256Hash: 'x' } }],
    [{ persistedQuery: 'x' }],
    [{ persistedQuery: { version: 1 } }],
  ])('are refused as %j', async (extensions) => {
    expect(await post(open, { query: OWNER, extensions })).toMatchObject({
      status: 400,
      code: 'PERSISTED_QUERY_NOT_SUPPORTED',
    });
  });
});

describe('trusted documents', () => {
  it('are executed by their ids, and in their exact text', async () => {
    for (let time = 0; time < 2; time += 1) {
      expect(await post(trusting, { documentId: 'one', variables })).toMatchObject(SERVED);
      expect(await post(trusting, { query: NUMBER, variables })).toMatchObject(SERVED);
      expect(await get(trusting, { documentId: 'one', variables })).toMatchObject(SERVED);
    }
  });

  it.each([
    ['another text', { query: OWNER }],
    ['the text with a space', { query: `${NUMBER} `, variables }],
    ['another text beside a good id', { query: OWNER, documentId: 'one', variables }],
    ['an unknown id', { documentId: 'three' }],
    ['an attempt to register', { query: OWNER, extensions: named(OWNER) }],
  ])('are all: not %s', async (_, body) => {
    expect(await post(trusting, body)).toMatchObject({ status: 403, code: 'DOCUMENT_NOT_TRUSTED' });
    expect(await post(trusting, body, { accept: 'application/json' })).toMatchObject({
      status: 200,
      code: 'DOCUMENT_NOT_TRUSTED',
    });
  });

  it('are all over a WebSocket and an event stream too', async () => {
    const socket = await openAcknowledged(trusting.url, trusting.adminKey);
    const answerTo = async (id: string, payload: object) => {
      socket.send({ id, type: 'subscribe', payload });
      return socket.next();
    };
    expect(await answerTo('1', { query: OWNER })).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'DOCUMENT_NOT_TRUSTED' } }],
    });
    expect(JSON.stringify(await answerTo('2', { query: OWNER }))).not.toContain('"http"');
    const persistedQuery = { version: 1, sha256Hash: 'one' };
    expect(await answerTo('3', { query: '', variables, extensions: { persistedQuery } })).toMatchObject({
      type: 'next',
      payload: { data: SERVED.data },
    });
    socket.close();
    const stream = (body: object) =>
      fetch(`${trusting.url}/graphql`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${trusting.adminKey}`,
          'content-type': 'application/json',
          accept: 'text/event-stream, application/json',
        },
        body: JSON.stringify(body),
      });
    expect(await answered(await stream({ query: `${FOLLOW} ` }))).toMatchObject({
      code: 'DOCUMENT_NOT_TRUSTED',
    });
    const opened = await stream({ documentId: 'two' });
    expect(opened.headers.get('content-type')).toContain('text/event-stream');
    await opened.body?.cancel();
  });

  it('stand in a manifest of Apollo as well, with a byte order mark before it', async () => {
    const operations = [{ id: hashOf(NUMBER), name: 'Number', type: 'query', body: NUMBER }];
    const apollo = { format: 'apollo-persisted-query-manifest', version: 1, operations };
    const trustedDocuments = manifest(`\uFEFF${JSON.stringify(apollo)}`);
    const server = await startTestServer({
      database: open.database,
      config: { adminKey: 'configured-admin-key-of-a-test', trustedDocuments },
    });
    expect(await post(server, { extensions: named(NUMBER), variables })).toMatchObject(SERVED);
    await server.close();
  });

  it.each([
    ['no file', '/nowhere/manifest.json', /must be the path of a JSON file: ENOENT/],
    ['no JSON', manifest('{'), /must be the path of a JSON file/],
    ['neither form', manifest({ one: 1 }), /must be {"<id>": "<document>"} or an apollo/],
    [
      'another version',
      manifest({ format: 'apollo-persisted-query-manifest', version: 2, operations: [] }),
      /of version 1/,
    ],
    ['nothing in it', manifest({}), /at least one document/],
    [
      'one id twice',
      manifest({
        format: 'apollo-persisted-query-manifest',
        version: 1,
        operations: [
          { id: 'a', body: NUMBER },
          { id: 'a', body: OWNER },
        ],
      }),
      /two documents of one id/,
    ],
    [
      'a document that the graph refuses',
      manifest({ one: '{ nothing }' }),
      /the document "one" of .* is refused: Cannot query field "nothing"/,
    ],
  ])('are a fault of the configuration with %s', async (_, trustedDocuments, fault) => {
    const starting = startTestServer({ database: open.database, config: { trustedDocuments } });
    await expect(starting).rejects.toThrow(ConfigInvalid);
    await expect(starting).rejects.toThrow(fault);
  });

  it('are judged before anything is done to the database', async () => {
    const database = await createTestDatabase({ empty: true });
    const starting = startTestServer({
      database,
      config: { trustedDocuments: manifest({ one: '{ nope }' }) },
    });
    await expect(starting).rejects.toThrow(ConfigInvalid);
    const [tables] = await database.query(
      `SELECT count(*)::int AS count FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
    );
    await database.drop();
    expect(tables).toEqual({ count: 0 });
  });
});
