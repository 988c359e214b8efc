import { buildSchema, extendSchema, parse, printSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSchema } from '../../src/schema/schema.ts';
import { CASES, FREE_TEXTS } from './isolation-cases.ts';
import type { Case } from './isolation-case.ts';
import { namingPaths } from './isolation-walk.ts';
import { createWorld } from './isolation-world.ts';
import type { World } from './isolation-world.ts';
import { askBySocket, askBySse, askByHttp } from './isolation-doors.ts';
import type { Answered } from './isolation-doors.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const isFree = (path: string) => FREE_TEXTS.some(([pattern]) => pattern.test(path));
const isSubscription = ({ query }: Case) => query.startsWith('subscription');

function withoutCase(paths: readonly string[]): string[] {
  return paths.filter((path) => CASES[path] === undefined && !isFree(path));
}

describe('the table of cases', () => {
  const schema = buildSchema(printSchema(createSchema()));
  const paths = namingPaths(schema);

  it('has a case for every place of the schema that takes an id, slug, name, cursor or filter', () => {
    expect(paths.length).toBeGreaterThan(60);
    expect(withoutCase(paths)).toEqual([]);
  });

  it('has no case for what is not there, and none twice', () => {
    expect(Object.keys(CASES).filter((path) => !paths.includes(path) || isFree(path))).toEqual([]);
    expect(FREE_TEXTS.filter(([pattern]) => !paths.some((path) => pattern.test(path)))).toEqual([]);
  });

  it('would miss a new field of a root, of a type, and of an input', () => {
    const planted = extendSchema(
      schema,
      parse(
        'input Deep { inner: Deeper! } input Deeper { ids: [ID!]! } extend type Query { planted(slug: String!): Int } extend type Mutation { plant(input: Deep!): Int } extend type Subscription { grows(after: String): Int } extend type Prompt { planted(id: ID!, first: Int): Int }',
      ),
    );
    expect(withoutCase(namingPaths(planted))).toEqual([
      'Mutation.plant(input.inner.ids)',
      'Prompt.planted(id)',
      'Query.planted(slug)',
      'Subscription.grows(after)',
    ]);
  });
});

type Ask = (key: string, value: string) => Promise<Answered>;

/** Asks for B's and for nobody's, with every key of A. @returns where the answers are not the same to the byte, the asked value aside. */
async function leaksOf({ kind }: Case, ask: Ask): Promise<readonly (readonly Answered[])[]> {
  const { foreign, unknown } = world.values[kind];
  const leaks: Answered[][] = [];
  for (const key of Object.values(world.keys)) {
    for (const [index, value] of foreign.entries()) {
      const nobodys = unknown[index] ?? '';
      const answers = [masked(await ask(key, value), value), masked(await ask(key, nobodys), nobodys)];
      const [ofB, ofNobody] = answers.map((answer) => JSON.stringify(answer));
      if (ofB !== ofNobody || ofB?.includes('of B') === true) leaks.push(answers);
    }
  }
  return leaks;
}

/** The answer with the asked value, as JSON or as JSON within JSON writes it, replaced. The place of what was committed is A's own. */
function masked({ status, headers, body }: Answered, value: string): Answered {
  const mask = (text: string) =>
    text
      .replaceAll(value, '<asked>')
      .replaceAll(innerOf(value), '<asked>')
      .replaceAll(/"extensions":\{"X-PromptForge-Cursor":"[^"]+"\}/g, '<cursor>');
  return { status, headers, body: mask(body) };
}

/** What a global id holds, which a refusal names; anything else as it is. */
function innerOf(value: string): string {
  const [, inner] = /^[A-Za-z]+:([0-9a-f-]{36})$/.exec(Buffer.from(value, 'base64').toString()) ?? [];
  return inner ?? value;
}

const entries = Object.entries(CASES);

describe('a key of A that asks for what is B is answered as if nobody had it', () => {
  const plain = entries.filter(([, each]) => !isSubscription(each));

  it.each(plain)('over HTTP: %s', async (_path, each) => {
    expect(await leaksOf(each, (key, x) => askByHttp(world.server, key, each.query, { x }))).toEqual([]);
  });

  it.each(plain)('over WebSocket: %s', async (_path, each) => {
    expect(await leaksOf(each, (key, x) => askBySocket(world.server, key, each.query, { x }))).toEqual([]);
  });

  const subscriptions = entries.filter(([, each]) => isSubscription(each));

  it.each(subscriptions)('in a subscription over WebSocket: %s', async (_path, each) => {
    expect(await leaksOf(each, (key, x) => askBySocket(world.server, key, each.query, { x }))).toEqual([]);
  });

  it.each(subscriptions)('in a subscription over server-sent events: %s', async (_path, each) => {
    expect(await leaksOf(each, (key, x) => askBySse(world.server, key, each.query, { x }))).toEqual([]);
  });

  it.each(entries.filter(([, { blind }]) => blind !== true))(
    'and B itself is answered with it: %s',
    async (_path, each) => {
      const { foreign, unknown } = world.values[each.kind];
      for (const [index, value] of foreign.entries()) {
        const nobodys = unknown[index] ?? '';
        const found = await askByHttp(world.server, world.keyOfB, each.query, { x: value });
        const nothing = await askByHttp(world.server, world.keyOfB, each.query, { x: nobodys });
        expect(masked(found, value)).not.toEqual(masked(nothing, nobodys));
      }
    },
  );
});
