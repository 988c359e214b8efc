import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { startServerProcess } from '../support/process.ts';
import type { ServerProcess } from '../support/process.ts';
import { startTestServer } from '../support/server.ts';
import { openSocket } from '../support/socket.ts';

/** None of these is anything else: whatever stands in a log beside them cannot be confused with them. */
const ADMIN_KEY = 'configured-admin-key-0f9d4be1c77a';
const WRONG_KEY = 'pf_live_000000000bad_wrong-key-5b1e9a3c77d2';
const TOKEN = `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEiLCJhdWQiOiJwZiJ9.${'c2lnbmF0dXJl'.repeat(4)}`;
const PASSWORD = 'database-password-61ce0a';

/** What a secret may look like in a line: as it is, in parts, encoded, or hashed as it is stored. */
function tracesOf(secret: string): string[] {
  const forms = [
    secret,
    secret.slice(-16),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64').slice(0, 20),
    createHash('sha256').update(secret).digest('hex').slice(0, 24),
  ];
  return [...new Set(forms)];
}

/** Everything that a client can do wrong, or somebody else with it, with the key in every place where it could be put. */
async function provoke(url: string, key: string): Promise<void> {
  const bearer = { authorization: `Bearer ${key}` };
  const json = { 'content-type': 'application/json' };
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, init).then((answer) => answer.text());
  const post = (query: string, headers: Record<string, string>, variables: object = {}) =>
    ask('/graphql', {
      method: 'POST',
      headers: { ...json, ...headers },
      body: JSON.stringify({ query, variables }),
    });
  await ask(`/v1/prompts/x?key=${encodeURIComponent(key)}&access_token=${key}`, { headers: bearer });
  await ask(`/v1/prompts/${key}`, { headers: bearer });
  await ask(`/v1/channels/${key}/events`, { headers: { ...bearer, accept: 'text/event-stream' } });
  await ask(`/graphql?query={viewer{role}}&authorization=Bearer%20${key}`, {});
  await ask(`/${key}`, { headers: bearer });
  await ask('/v1/prompts/x', {
    headers: { authorization: `Basic ${btoa(`user:${key}`)}`, cookie: `key=${key}`, 'x-api-key': key },
  });
  await post('{ viewer { role } }', bearer);
  await post(`{ ${key.replaceAll('-', '_')} }`, bearer);
  await post(`{ prompt(slug: "${key}") { id } }`, bearer);
  await post('query Q($slug: String!) { prompt(slug: $slug) { nothing } }', bearer, { slug: key });
  await post(
    'mutation M($k: String!) { promoteVersion(input: { slug: $k, idempotencyKey: $k, version: 1 }) { __typename } }',
    bearer,
    { k: key },
  );
  await post('{ node(id: "x") { id } nodes(ids: ["y"]) { id } }', bearer);
  await ask('/graphql', { method: 'POST', headers: { ...json, ...bearer }, body: `{"query": "${key}` });
  await ask('/metrics', { headers: bearer });
  for (const payload of [{ authorization: `Bearer ${key}` }, { Authorization: key }, { token: key }]) {
    const socket = await openSocket(url);
    socket.send({ type: 'connection_init', payload });
    await Promise.race([socket.next().catch(() => null), socket.closed]);
    socket.send({ id: key, type: 'subscribe', payload: { query: `{ prompt(slug: "${key}") { id } }` } });
    await Promise.race([socket.next().catch(() => null), socket.closed]);
    socket.close();
  }
  await openSocket(url, { key }).then(
    (socket) => socket.close(),
    () => undefined,
  );
  await malformed(url, key);
}

/** What node's parser refuses, before any code of ours. */
async function malformed(url: string, key: string): Promise<void> {
  const { hostname, port } = new URL(url);
  await new Promise<void>((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
    socket.on('data', () => undefined);
    socket.end(`GET / HTTP/1.1\r\nAuthorization: Bearer ${key}\r\nBroken header ${key}\r\n\r\n`);
  });
}

describe('the log at its most talkative', () => {
  let database: TestDatabase;
  let node: ServerProcess;
  const keys: string[] = [];
  beforeAll(async () => {
    database = await createTestDatabase();
    const other = await startTestServer({ database, config: { adminKey: ADMIN_KEY } });
    const [reader, revoked] = [await other.createKey('VIEWER'), await other.createKey('ADMIN')];
    await other.revokeKey(revoked.id);
    keys.push(reader.key, revoked.key);
    await other.close();
    node = await startServerProcess({
      DATABASE_URL: withPassword(database.url),
      PROMPTFORGE_ADMIN_KEY: ADMIN_KEY,
      LOG_LEVEL: 'trace',
      RATE_LIMIT_KEY: '1',
    });
  });
  afterAll(async () => {
    await node.stop('SIGTERM');
    await database.drop();
  });

  it('holds no key and no password, whatever is sent and refused, and says that it was', async () => {
    for (const key of [...keys, WRONG_KEY, ADMIN_KEY, TOKEN]) await provoke(node.url, key);
    await node.stop('SIGTERM');
    const printed = `${node.output()}${node.errors()}`;
    // It was talkative indeed: a test of silence would pass on a server that logs nothing.
    expect(printed.match(/"msg":"request"/g)?.length).toBeGreaterThan(40);
    expect(printed).toContain('requests are refused: too many');
    expect(printed).toContain('/[redacted]');
    const traces = [...keys, ADMIN_KEY, WRONG_KEY, TOKEN, PASSWORD].flatMap((secret) => tracesOf(secret));
    expect(traces.filter((trace) => printed.includes(trace))).toEqual([]);
  });
});

/** The local database asks for none, but it stands in the address and must not stand in a line. */
function withPassword(url: string): string {
  const address = new URL(url);
  address.password = PASSWORD;
  return address.href;
}
