import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHANNEL_EVENTS } from '../../src/sdk/documents.ts';
import { createSchema } from '../../src/schema/schema.ts';
import { DocumentRules } from '../../src/server/document-rules.ts';
import { FramePlan } from '../../src/server/frame-plan.ts';
import { Operations } from '../../src/server/operations.ts';
import { SnapshotPlans } from '../../src/server/snapshot-plans.ts';
import { blocksOf, readText } from '../docs/markdown.ts';
import { openAcknowledged } from '../support/socket.ts';
import type { TestSocket } from '../support/socket.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { metricBecomes } from '../support/streams.ts';
import { keyOf } from './limited-keys.ts';
import { promote } from './registry.ts';
import { seedPrompts } from './snapshot-graph-fixture.ts';

let server: TestServer;
/** Who reads everything, and who reads what one channel serves of one folder. */
let keys: readonly string[];

beforeAll(async () => {
  server = await startTestServer();
  await seedPrompts(server);
  keys = [server.adminKey, await keyOf(server, 'SERVICE', { prompts: ['support/*'], channels: ['stable'] })];
});
afterAll(() => server.close());

interface Wanted {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
}

const SOURCE = readText('src/server/graphiql-examples.ts');
const OF_PROMOTION = (fields: string) =>
  `subscription { channelEvents(prompts: ["support/*"]) { __typename ... on VersionPromoted { ${fields} } } }`;

/** Each asks for nothing but what a promotion's event and its version hold. */
const MARKED: readonly Wanted[] = [
  // Of a rename all of these change.
  { query: OF_PROMOTION('slug prompt { slug } version { prompt { slug } }') },
  {
    query: CHANNEL_EVENTS,
    variables: { channel: 'stable', prompts: ['support/*'], snapshot: false, instance: 'a-1' },
  },
  { query: OF_PROMOTION('cursor more slug promotion { id kind createdAt cursor }') },
  {
    query: OF_PROMOTION(
      'promotion { prompt { id slug kind createdAt } version { number } previousVersion { number } }',
    ),
  },
  {
    query: OF_PROMOTION(
      'prompt { id } version { id number prompt { slug } createdAt contentHash } previousVersion { number }',
    ),
  },
  {
    query: OF_PROMOTION(
      'a: slug b: version { t: template m: messages { c: content role name } } __proto__: more',
    ),
  },
  {
    query: OF_PROMOTION(
      'version { config variables { name type required default description options declared } }',
    ),
  },
  {
    query: `subscription Conditions($yes: Boolean!, $no: Boolean = false, $values: JSON) { told: channelEvents {
      ...Told ... on ChannelEvent { more } ... on VersionWithdrawn { slug } ... on Bookmark { lagMs }
    } }
    fragment Told on VersionPromoted { slug @include(if: $yes) cursor @skip(if: $yes) version { ...V ... @include(if: $no) { template } } }
    fragment V on PromptVersion { number number kind render(variables: $values, strict: false) { __typename ... on RenderedPrompt { text } } }`,
    variables: { yes: true, values: { name: 'Ada' } },
  },
];
/** Each asks for something that the database alone knows, or that is not open to everybody. */
const STRAYS: readonly Wanted[] = [
  { query: OF_PROMOTION('slug promotion { kind actor { name } }') },
  { query: OF_PROMOTION('version { number message }') },
  { query: OF_PROMOTION('previousVersion { number template contentHash createdAt }') },
  { query: OF_PROMOTION('prompt { tags owner description }') },
  ...graphqlOf('docs/http.md'),
  ...graphqlOf('README.md'),
  ...[...SOURCE.matchAll(/`[^`]*(subscription [^`]+)`/g)].map(([, query = '']) => ({ query })),
];

function graphqlOf(path: string): Wanted[] {
  return blocksOf(readText(path)).flatMap(({ text }) =>
    [...text.matchAll(/`(subscription [^`]+)`/g)].map(([, query = '']) => ({ query })),
  );
}

/** Open to everybody, and not marked. */
const EXECUTED = 'executed__: prompt { description }';

/** The same with one field more, which nothing but an execution answers. */
function executed({ query, variables }: Wanted): Wanted {
  const at = query.indexOf('VersionPromoted');
  const brace = query.indexOf('{', at);
  return {
    ...(variables && { variables }),
    query: `${query.slice(0, brace + 1)} ${EXECUTED} ${query.slice(brace + 1)}`,
  };
}

async function follow(wanted: Wanted, key: string): Promise<TestSocket> {
  const socket = await openAcknowledged(server.url, key);
  socket.send({ type: 'subscribe', id: '1', payload: wanted });
  return socket;
}

/** The text of the next payload that is no bookmark, members in their order. */
async function nextText(socket: TestSocket): Promise<string> {
  for (;;) {
    const message = await socket.next();
    expect(message.type).toBe('next');
    const text = JSON.stringify(message.payload);
    if (!text.includes('"lagMs"')) return text;
  }
}

/** Refusals say where in the text they stand. */
const shown = (text: string) =>
  text.includes('"errors"') ? 'refused' : text.replace(/"executed__":\{"description":null\},?/, '');

const rename = async (slug: string, newSlug: string) => {
  const query = `mutation { updatePrompt(input: { slug: "${slug}", newSlug: "${newSlug}" }) { __typename } }`;
  expect((await server.execute<object, object>(query)).data()).toMatchObject({
    updatePrompt: { __typename: 'Prompt' },
  });
};

const MOVES = [
  () => promote(server, 'support/text', 1),
  () => promote(server, 'support/chat', 3),
  () => promote(server, 'support/text', 3),
  async () => {
    const items = ['support/text', 'support/chat'].map((slug) => ({ slug, version: 2 }));
    const query = `mutation ($items: [PromoteItem!]!) { promoteVersions(input: { items: $items }) { __typename } }`;
    (await server.execute<object, object>(query, { items })).data();
  },
  () => rename('support/text', 'support/other'),
  () => rename('support/other', 'support/text'),
];
/** The batch is of two, and a rename takes one out and puts one in. */
const FRAMES = MOVES.length + 3;

describe.each([0, 1])('a frame that is written from memory, for key %i', (whose) => {
  it.each([...MARKED, ...STRAYS])('has the bytes of an executed one: $query', async (wanted) => {
    const key = keys[whose] ?? '';
    const [one, other] = await Promise.all([follow(wanted, key), follow(executed(wanted), key)]);
    await metricBecomes(server, 'promptforge_subscriptions', 2);
    await metricBecomes(server, 'promptforge_subscriptions_behind', 0);
    // One is held by the snapshot, the other is not.
    await server.get('/v1/prompts/support/chat');
    for (const move of MOVES) await move();
    const snapshots = wanted.query.includes('snapshot: true') ? 1 : 0;
    for (let count = 0; count < FRAMES + snapshots; count += 1) {
      const [text, slow] = [await nextText(one), await nextText(other)];
      expect(shown(text)).toBe(shown(slow));
    }
    one.close();
    other.close();
    await metricBecomes(server, 'promptforge_subscriptions', 0);
  });
});

describe('a subscription', () => {
  const schema = createSchema();
  const rules = new DocumentRules(schema, { introspection: true, graphiql: false, suggestions: false });
  const operations = new Operations(schema, rules);
  const isOfMarked = ({ query, variables = {} }: Wanted) => {
    const operation = operations.prepare({ query, operationName: null, variables });
    if ('length' in operation) throw new Error(operation[0]?.message);
    return new FramePlan({ schema, plans: new SnapshotPlans() }, operation).isOfMarked;
  };

  it.each(MARKED)('that asks for what is marked is written from memory: $query', (wanted) => {
    expect(isOfMarked(wanted)).toBe(true);
  });

  it.each(STRAYS.slice(0, 2))('that asks for more is executed: $query', (wanted) => {
    expect(isOfMarked(wanted)).toBe(false);
  });
});
