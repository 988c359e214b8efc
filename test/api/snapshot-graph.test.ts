import fc from 'fast-check';
import { Kind, OperationTypeNode, parse, print } from 'graphql';
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSchema } from '../../src/schema/schema.ts';
import { SnapshotOperation } from '../../src/server/snapshot-operation.ts';
import { SnapshotPlans } from '../../src/server/snapshot-plans.ts';
import { blocksOf, readText, ROOT } from '../docs/markdown.ts';
import * as documents from '../support/gql/graphql.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { keyOf } from './limited-keys.ts';
import { editPrompt, promote } from './registry.ts';
import { exchange, markedFields, operationOf, post, seedPrompts } from './snapshot-graph-fixture.ts';
import type { Wanted, Wire } from './snapshot-graph-fixture.ts';

let server: TestServer;
let schema: GraphQLSchema;
/** An admin, who reads everything, and who reads what one channel serves of one folder. */
let keys: readonly string[];
/** A place in the log that the node has got to long ago. */
let reached: string;
let url: string;

beforeAll(async () => {
  server = await startTestServer();
  schema = createSchema();
  url = `${server.url}/graphql`;
  await seedPrompts(server);
  const limits = { prompts: ['support/*'], channels: ['stable'] };
  keys = [
    server.adminKey,
    (await server.createKey('VIEWER')).key,
    await keyOf(server, 'SERVICE', limits),
    await keyOf(server, 'EDITOR', { prompts: ['sales/*'] }),
  ];
  const { headers } = await server.get('/v1/prompts/support/text');
  reached = headers.get('x-promptforge-cursor') ?? '';
});

afterAll(() => server.close());

const SERVED = '{ prompt(slug: "support/text") { slug version(channel: "stable") { number template } } }';

/** Statements that read what a prompt is, and not who asks or what happened. */
function reads(): string[] {
  return server.statements.filter((sql) => /FROM .*"?(prompt|prompt_version|channel_pointer)"? /s.test(sql));
}

/** The same operation as it is made, as it is kept and as Yoga answers it. @returns whether it is answered without an error */
async function compare(wanted: Wanted, key: string, accept?: string): Promise<boolean> {
  const asking = { key, ...(accept === undefined ? {} : { accept }) };
  const yoga = await post(url, wanted, { ...asking, minCursor: reached });
  const [made, kept] = [await post(url, wanted, asking), await post(url, wanted, asking)];
  const isClean = !yoga.body.includes('"errors":');
  // What is wrong is told by Yoga in any case, with ids of the requests.
  const told = ({ status, head, body }: Wire) => (isClean ? { status, head, body } : { status });
  expect(told(made), wanted.query).toEqual(told(yoga));
  expect(told(kept), wanted.query).toEqual(told(yoga));
  return isClean;
}

describe('an operation from memory is answered byte for byte as by Yoga', () => {
  it('when it is generated', async () => {
    let compared = 0;
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        run += 1;
        const wanted = operationOf(g, schema, run % 5 === 0);
        if (await compare(wanted, keys[run % keys.length] ?? '')) compared += 1;
      }),
      // The same ones every time: a change is judged by them, and not by luck. Another seed finds others.
      { numRuns: 200, seed: 20_261_128, endOnFailure: true },
    );
    // Some are refused: by the limits of a document, and because of versions that are given by no or two names.
    expect(compared).toBeGreaterThan(100);
  });

  it('when it stands in the documentation or in the tests', async () => {
    const operations = corpus();
    expect(operations.length).toBeGreaterThan(60);
    let compared = 0;
    for (const wanted of operations) {
      const [one, other] = [0, 1].map(() => post(url, wanted, { key: server.adminKey, minCursor: reached }));
      const isSteady = (await one)?.body === (await other)?.body;
      // What tells the time, or the use of a key, is another thing each time.
      if (isSteady && (await compare(wanted, server.adminKey))) compared += 1;
    }
    expect(compared).toBeGreaterThan(30);
  });

  it.each([
    ['*/*'],
    ['application/graphql-response+json'],
    ['application/graphql-response+json, application/json;q=0.9'],
    ['application/json, application/graphql-response+json'],
    ['text/html, application/*;q=0.8'],
    ['application/json; charset=utf-8'],
  ])('whatever of it is accepted: %s', async (accept) => {
    expect(await compare({ query: SERVED }, keys[0] ?? '', accept)).toBe(true);
  });

  it('by GET', async () => {
    const address = `${url}?query=${encodeURIComponent('query($c: String) { prompt(slug: "support/chat") { version(channel: $c) { messages { role name content } } } }')}&variables=${encodeURIComponent('{"c":"stable"}')}`;
    const headers = { authorization: `Bearer ${server.adminKey}` };
    const yoga = await exchange(address, 'GET', { ...headers, 'x-promptforge-min-cursor': reached });
    expect(yoga.body).toContain('"messages":[');
    // No cache in between may give it to somebody else.
    expect(JSON.stringify(yoga)).toContain(
      '"vary: Accept, Authorization","cache-control: private, no-cache"',
    );
    for (let time = 0; time < 2; time += 1) expect(await exchange(address, 'GET', headers)).toEqual(yoga);
  });
});

describe('what is answered from memory', () => {
  it('is all that is documented, and nothing else', () => {
    const [, list = ''] = /<!-- marked -->\n([^]*?)\n<!-- \/marked -->/.exec(readText('docs/http.md')) ?? [];
    const told = [...list.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].flatMap(([, type = '', names = '']) =>
      [...names.matchAll(/`(\w+)/g)].map(([, name = '']) => `${type}.${name}`),
    );
    expect(told.toSorted()).toEqual(markedFields(schema));
  });

  it('costs no statement', async () => {
    await post(url, { query: SERVED }, { key: server.adminKey });
    server.statements.length = 0;
    for (let time = 0; time < 200; time += 1) await post(url, { query: SERVED }, { key: server.adminKey });
    // Another text, made anew from what is in memory.
    await post(url, { query: `# once\n${SERVED}` }, { key: server.adminKey });
    expect(reads()).toEqual([]);
  });

  it('is not an operation with any other field: that one sees what no promotion changes', async () => {
    const query = '{ prompt(slug: "sales/text") { owner version(channel: "stable") { number } } }';
    const ownerOf = async () =>
      (
        JSON.parse((await post(url, { query }, { key: server.adminKey })).body) as {
          data: { prompt: { owner: string } };
        }
      ).data.prompt.owner;
    await ownerOf();
    (
      await server.execute(
        'mutation { updatePrompt(input: { slug: "sales/text", owner: "somebody else" }) { __typename } }',
      )
    ).data();
    expect(await ownerOf()).toBe('somebody else');
  });

  it('needs the mark of every field', () => {
    const planted = createSchema();
    const run = (document: DocumentNode) => {
      const [definition] = document.definitions as readonly OperationDefinitionNode[];
      if (definition === undefined) throw new Error('the document is empty');
      const version = { content: { kind: 'TEXT', template: 'x' }, version: 1 } as never;
      const known = { slug: 'a', known: version };
      return new SnapshotOperation(
        { schema: planted, plans: new SnapshotPlans() },
        document,
        definition,
      ).write({ prompt: () => known, version: () => version }, {});
    };
    const document = parse('{ prompt(slug: "a") { version(number: 1) { template } } }');
    expect(run(document)).toBe('{"data":{"prompt":{"version":{"template":"x"}}}}');
    const field = planted.getType('PromptVersion');
    if (field === undefined || !('getFields' in field)) throw new Error('there are no versions');
    const { template } = field.getFields();
    if (template === undefined) throw new Error('versions have no template');
    template.extensions = {};
    expect(run(document)).toBeNull();
  });

  it('is never absence: what appears is there at once', async () => {
    const query = '{ prompt(slug: "support/draft") { version(channel: "stable") { number } } }';
    for (let time = 0; time < 2; time += 1)
      expect((await post(url, { query }, { key: server.adminKey })).body).toBe(
        '{"data":{"prompt":{"version":null}}}',
      );
    await promote(server, 'support/draft', 1);
    expect((await post(url, { query }, { key: server.adminKey })).body).toBe(
      '{"data":{"prompt":{"version":{"number":1}}}}',
    );
  });

  it('is what the credential may read, whoever asked before', async () => {
    const query = '{ prompt(slug: "sales/text") { version(channel: "stable") { number } } }';
    expect((await post(url, { query }, { key: keys[0] ?? '' })).body).toContain('"number":2');
    expect((await post(url, { query }, { key: keys[2] ?? '' })).body).toBe('{"data":{"prompt":null}}');
    expect((await post(url, { query }, { key: `${keys[0]}x` })).status).toBe(401);
  });
});

describe('while channels move', () => {
  const pair = ['support/text', 'support/chat'];
  const both = {
    query: `query($c: String!) { ${pair.map((slug, index) => `p${index}: prompt(slug: "${slug}") { slug kind version(channel: $c) { number contentHash render(strict: false) { ... on RenderedPrompt { text } } } }`).join(' ')} }`,
    variables: { c: 'stable' },
  };

  it('what one commit moves is seen moved or not, and what nothing moves meanwhile is what Yoga answers', async () => {
    let compared = 0;
    for (let round = 0; round < 20; round += 1) {
      const version = 1 + (round % 3);
      const move = server.execute(
        'mutation($items: [PromoteItem!]!) { promoteVersions(input: { items: $items }) { __typename ... on Error { message } } }',
        { items: pair.map((slug) => ({ slug, version })) },
      );
      const meanwhile = Array.from({ length: 12 }, (_, index) =>
        post(url, { ...both, query: `#${index % 3}\n${both.query}` }, { key: keys[index % 3] ?? '' }),
      );
      for (const { body } of await Promise.all(meanwhile)) {
        const numbers = [...body.matchAll(/"number":(\d)/g)].map(([, number]) => number);
        expect(numbers, body).toHaveLength(2);
        expect(numbers[0], body).toBe(numbers[1]);
      }
      expect((await move).data()).toEqual({ promoteVersions: { __typename: 'PromotionBatch' } });
      const after = await post(url, both, { key: keys[round % 3] ?? '' });
      expect(after.body).toContain(`"number":${version}`);
      if (await compare(both, keys[round % 3] ?? '')) compared += 1;
    }
    expect(compared).toBe(20);
  });

  it('a save is seen on latest at once', async () => {
    const query = '{ prompt(slug: "sales/text") { version(channel: "latest") { number } } }';
    for (const number of [4, 5]) {
      await editPrompt(server, 'sales/text', { content: { template: `text ${number}` } });
      expect((await post(url, { query }, { key: server.adminKey })).body).toContain(`"number":${number}`);
    }
  });
});

/** Every query of the documentation, of the command line and of the tests whose variables can be made up. */
function corpus(): Wanted[] {
  const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  const written = ['README.md', ...pages.map((name) => `docs/${name}`)]
    .flatMap((path) => blocksOf(readText(path)))
    .flatMap(({ language, text }) => (language === 'graphql' ? [text] : []));
  const cli = readdirSync(join(ROOT, 'src/cli'))
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => [...readText(`src/cli/${name}`).matchAll(/GraphQL \*\/ `([^`$]+)`/g)])
    .map(([, text = '']) => text);
  const typed = Object.values(documents).flatMap((value) =>
    typeof value === 'object' && 'definitions' in value ? [print(value as DocumentNode)] : [],
  );
  const tests = readdirSync(join(ROOT, 'test/api'))
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => [
      ...readText(`test/api/${name}`).matchAll(/['`]((?:query\b[^'`{]*)?\{\s[^'`$]+\})['`]/g),
    ])
    .map(([, text = '']) => text);
  return [...new Set([...written, ...cli, ...typed, ...tests])].flatMap(wantedOf);
}

function wantedOf(text: string): Wanted[] {
  let document: DocumentNode;
  try {
    document = parse(text);
  } catch {
    return [];
  }
  const operations = document.definitions.filter(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  );
  const [operation] = operations;
  if (operations.length !== 1 || operation?.operation !== OperationTypeNode.QUERY) return [];
  const variables: Record<string, unknown> = {};
  for (const { variable, type, defaultValue } of operation.variableDefinitions ?? []) {
    const name = variable.name.value;
    const value = VALUES_BY_TYPE[print(type)];
    if (value !== undefined) variables[name] = name === 'slug' ? 'support/text' : value;
    else if (defaultValue === undefined && type.kind === Kind.NON_NULL_TYPE) return [];
  }
  return [{ query: text, variables }];
}

const VALUES_BY_TYPE: Readonly<Record<string, unknown>> = {
  'String!': 'stable',
  String: 'stable',
  'Int!': 1,
  Int: 1,
  'Boolean!': true,
};
