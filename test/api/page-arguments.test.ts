import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt, promote } from './registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'many/versions');
  await promote(server, 'many/versions', 1);
  await server.database.query(
    `INSERT INTO stream_node SELECT id, id, now() + interval '1 hour' FROM workspace;
     INSERT INTO stream_subscriber SELECT id, id, 's', 'stable', NULL, 'SSE', 'k', 'API_KEY', 'web', now(), NULL FROM workspace`,
  );
});
afterAll(() => server.close());

const CONNECTIONS = {
  prompts: (args: string) => `{ prompts(${args}) { edges { cursor } totalCount } }`,
  versions: (args: string) =>
    `{ prompt(slug: "many/versions") { versions(${args}) { edges { cursor } totalCount } } }`,
  promotions: (args: string) =>
    `{ prompt(slug: "many/versions") { promotions(${args}) { edges { cursor } totalCount } } }`,
  serving: (args: string) =>
    `{ channel(name: "stable") { serving(${args}) { edges { cursor } totalCount } } }`,
  subscribers: (args: string) =>
    `{ channel(name: "stable") { subscribers(${args}) { edges { cursor } totalCount } } }`,
  events: (args: string) => `{ events(${args}) { edges { cursor } totalCount } }`,
} as const;
const NAMES = Object.keys(CONNECTIONS) as (keyof typeof CONNECTIONS)[];

describe.each(NAMES)('the connection %s', (name) => {
  it.each(['first: -1', 'first: 101', 'last: -1', 'last: 101', 'first: 1, last: 1', 'first: 0, last: 0'])(
    'refuses %s',
    async (args) => {
      const [error] = (await server.execute(CONNECTIONS[name](args))).errors();
      expect(error?.extensions?.code).toBe('INVALID_INPUT');
      expect(error?.message).toMatch(/allowed|combined/);
    },
  );

  it.each(['first: 100', 'last: 100', 'first: 0', 'last: 0', 'first: null, last: null, after: null'])(
    'takes %s',
    async (args) => {
      expect((await server.execute(CONNECTIONS[name](args))).errors()).toEqual([]);
    },
  );

  it('refuses cursors that are garbage or those of every other connection', async () => {
    const foreign = await Promise.all(NAMES.filter((other) => other !== name).map(cursorOf));
    const own = await cursorOf(name);
    const forged = (parts: readonly unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const [order = '', ...values] = JSON.parse(Buffer.from(own, 'base64url').toString()) as string[];
    const forgeries = [
      [],
      [order],
      [order, ...values, 'more'],
      [order, ...values.map(Number)],
      [order, ...values.map(() => '\u0000')],
      [order, ...values.map(() => '\ud800')],
      // A slug may be any text, a number or time may not.
      ...(name === 'prompts'
        ? []
        : ['99999999999999999999', '-1'].map((value) => [order, ...values.map(() => value)])),
    ];
    const texts = ['', 'x', '%%%', 'null', '\u{1F600}', 'GPC:S:x', 'A'.repeat(10_000)];
    const garbage = [...texts, ...forgeries.map(forged)];
    for (const cursor of [...foreign, ...garbage]) {
      for (const argument of ['after', 'before']) {
        const answer = await server.execute(
          CONNECTIONS[name](`first: 1, ${argument}: ${JSON.stringify(cursor)}`),
        );
        expect(answer.errors()[0]?.extensions?.code, `${argument} ${cursor}`).toBe('BAD_CURSOR');
      }
    }
  });
});

async function cursorOf(name: keyof typeof CONNECTIONS): Promise<string> {
  const text = JSON.stringify((await server.execute(CONNECTIONS[name]('first: 1'))).data());
  const [, cursor = ''] = /"cursor":"([^"]+)"/.exec(text) ?? [];
  expect(cursor).not.toBe('');
  return cursor;
}
