import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { createPrompt } from './registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await createPrompt(server, 'text/one', { content: { template: '{{a}}' } });
});
afterAll(() => server.close());

/** What PostgreSQL or UTF-8 cannot hold. In JSON they are written as escapes, so they arrive as they are. */
const UNSTORABLE = { NUL: 'a\u0000b', 'a lone high surrogate': 'a\ud800b', 'a lone low surrogate': '\udfff' };

/** Every place of the queries that takes a text. A test below proves that none is missing. */
const QUERIES: Readonly<Record<string, string>> = {
  'Query.node(id)': 'query ($t: ID!) { node(id: $t) { id } }',
  'Query.nodes(ids)': 'query ($t: ID!) { nodes(ids: [$t]) { id } }',
  'Query.prompt(slug)': 'query ($t: String!) { prompt(slug: $t) { id } }',
  'Query.channel(name)': 'query ($t: String!) { channel(name: $t) { id } }',
  'Query.prompts(after)': 'query ($t: String!) { prompts(after: $t) { totalCount } }',
  'Query.prompts(before)': 'query ($t: String!) { prompts(before: $t) { totalCount } }',
  'Query.events(after)': 'query ($t: String!) { events(after: $t) { totalCount } }',
  'Query.events(before)': 'query ($t: String!) { events(before: $t) { totalCount } }',
  'PromptFilter.search': 'query ($t: String!) { prompts(filter: { search: $t }) { edges { node { id } } } }',
  'PromptFilter.folder': 'query ($t: String!) { prompts(filter: { folder: $t }) { edges { node { id } } } }',
  'PromptFilter.tag': 'query ($t: String!) { prompts(filter: { tag: $t }) { edges { node { id } } } }',
  'PromptFilter.owner': 'query ($t: String!) { prompts(filter: { owner: $t }) { edges { node { id } } } }',
  'EventFilter.types': 'query ($t: String!) { events(filter: { types: [$t] }) { edges { node { id } } } }',
  'EventFilter.prompt': 'query ($t: String!) { events(filter: { prompt: $t }) { edges { node { id } } } }',
  'EventFilter.actor': 'query ($t: String!) { events(filter: { actor: $t }) { edges { node { id } } } }',
  'Prompt.version(channel)':
    'query ($t: String!) { prompt(slug: "text/one") { version(channel: $t) { number } } }',
  'Prompt.promotions(channel)':
    'query ($t: String!) { prompt(slug: "text/one") { promotions(channel: $t) { totalCount edges { node { id } } } } }',
  'Prompt.promotions(after)':
    'query ($t: String!) { prompt(slug: "text/one") { promotions(after: $t) { totalCount } } }',
  'Prompt.promotions(before)':
    'query ($t: String!) { prompt(slug: "text/one") { promotions(before: $t) { totalCount } } }',
  'Prompt.versions(after)':
    'query ($t: String!) { prompt(slug: "text/one") { versions(after: $t) { totalCount } } }',
  'Prompt.versions(before)':
    'query ($t: String!) { prompt(slug: "text/one") { versions(before: $t) { totalCount } } }',
  'Channel.serving(after)':
    'query ($t: String!) { channel(name: "stable") { serving(after: $t) { totalCount } } }',
  'Channel.serving(before)':
    'query ($t: String!) { channel(name: "stable") { serving(before: $t) { totalCount } } }',
  'Channel.subscribers(after)':
    'query ($t: String!) { channel(name: "stable") { subscribers(after: $t) { totalCount } } }',
  'Channel.subscribers(before)':
    'query ($t: String!) { channel(name: "stable") { subscribers(before: $t) { totalCount } } }',
  'Query.apiKeys(after)': 'query ($t: String!) { apiKeys(after: $t) { totalCount } }',
  'Query.apiKeys(before)': 'query ($t: String!) { apiKeys(before: $t) { totalCount } }',
  'Query.members(after)': 'query ($t: String!) { members(after: $t) { totalCount } }',
  'Query.members(before)': 'query ($t: String!) { members(before: $t) { totalCount } }',
  'Query.promotionRequests(after)': 'query ($t: String!) { promotionRequests(after: $t) { totalCount } }',
  'Query.promotionRequests(before)': 'query ($t: String!) { promotionRequests(before: $t) { totalCount } }',
  'PromotionRequestFilter.channel':
    'query ($t: String!) { promotionRequests(filter: { channel: $t }) { totalCount } }',
  'PromotionRequestFilter.prompt':
    'query ($t: String!) { promotionRequests(filter: { prompt: $t }) { totalCount } }',
  'Prompt.promotionPlan(channel)':
    'query ($t: String!) { prompt(slug: "text/one") { promotionPlan(version: 1, channel: $t) { allowed } } }',
  'Viewer.can(scope)': 'query ($t: String!) { viewer { can(scope: $t) } }',
  'Viewer.can(prompt)': 'query ($t: String!) { viewer { can(scope: "prompts:write", prompt: $t) } }',
  'Viewer.can(channel)':
    'query ($t: String!) { viewer { can(scope: "channels:promote", prompt: "text/one", channel: $t) } }',
  'PromptVersion.render(variables)':
    'query ($t: JSON) { prompt(slug: "text/one") { latest { render(variables: { a: $t }) { ... on RenderedPrompt { text } } } } }',
};

const MUTATIONS: Readonly<Record<string, string>> = {
  ...fields(
    'createPrompt',
    ['slug', 'description', 'owner', 'message', 'idempotencyKey'],
    'slug: "text/new", content: { template: "x" }',
  ),
  'createPrompt tags': mutation('createPrompt', 'slug: "text/new", tags: [$t], content: { template: "x" }'),
  'createPrompt template': mutation('createPrompt', 'slug: "text/new", content: { template: $t }'),
  'createPrompt message content': mutation(
    'createPrompt',
    'slug: "text/new", content: { messages: [{ role: USER, content: $t }] }',
  ),
  'createPrompt message name': mutation(
    'createPrompt',
    'slug: "text/new", content: { messages: [{ role: USER, content: "", name: $t }] }',
  ),
  'createPrompt config': mutation(
    'createPrompt',
    'slug: "text/new", content: { template: "", config: { deep: [$t] } }',
  ),
  'createPrompt variable name': mutation(
    'createPrompt',
    'slug: "text/new", content: { template: "", variables: [{ name: $t }] }',
  ),
  'createPrompt variable default': mutation(
    'createPrompt',
    'slug: "text/new", content: { template: "", variables: [{ name: "a", default: $t }] }',
    'JSON',
  ),
  'createPrompt variable description': mutation(
    'createPrompt',
    'slug: "text/new", content: { template: "", variables: [{ name: "a", description: $t }] }',
  ),
  'createPrompt variable option': mutation(
    'createPrompt',
    'slug: "text/new", content: { template: "", variables: [{ name: "a", type: ENUM, options: [$t] }] }',
  ),
  ...fields(
    'editPrompt',
    ['slug', 'message', 'idempotencyKey'],
    'slug: "text/one", content: { template: "x" }',
  ),
  ...fields('updatePrompt', ['slug', 'newSlug', 'description', 'owner'], 'slug: "text/one"'),
  ...fields('archivePrompt', ['slug', 'reason'], 'slug: "text/one"'),
  ...fields('restorePrompt', ['slug'], 'slug: "text/one"'),
  ...fields('createChannel', ['name', 'description'], 'name: "new"'),
  ...fields(
    'promoteVersion',
    ['slug', 'channel', 'reason', 'idempotencyKey'],
    'slug: "text/one", version: 1',
  ),
  ...fields(
    'promoteVersions',
    ['channel', 'reason', 'idempotencyKey'],
    'items: [{ slug: "text/one", version: 1 }]',
  ),
  'promoteVersions items': mutation('promoteVersions', 'items: [{ slug: $t, version: 1 }]'),
  ...fields('rollbackChannel', ['slug', 'channel', 'reason', 'idempotencyKey'], 'slug: "text/one"'),
  ...fields(
    'withdrawPrompt',
    ['slug', 'channel', 'reason', 'idempotencyKey'],
    'slug: "text/one", channel: "stable"',
  ),
  ...fields('createApiKey', ['name'], 'name: "x", role: SERVICE'),
  'createApiKey scopes': mutation('createApiKey', 'name: "x", role: SERVICE, scopes: [$t]'),
  'createApiKey prompts': mutation('createApiKey', 'name: "x", role: SERVICE, prompts: [$t]'),
  'createApiKey channels': mutation('createApiKey', 'name: "x", role: SERVICE, channels: [$t]'),
  'rotateApiKey id': mutation('rotateApiKey', 'id: $t', 'ID!'),
  'revokeApiKey id': mutation('revokeApiKey', 'id: $t', 'ID!'),
  'setMemberRole member': mutation('setMemberRole', 'member: $t, role: VIEWER', 'ID!'),
  ...fields('setChannelPolicy', ['channel', 'pattern'], 'channel: "stable", pattern: "*"'),
  ...fields('removeChannelPolicy', ['channel', 'pattern'], 'channel: "stable", pattern: "*"'),
  ...fields(
    'requestPromotion',
    ['slug', 'channel', 'reason', 'idempotencyKey'],
    'slug: "text/one", version: 1, channel: "stable"',
  ),
  'reviewPromotion request': mutation('reviewPromotion', 'request: $t, decision: APPROVE', 'ID!'),
  'reviewPromotion comment': mutation('reviewPromotion', 'request: "none", decision: APPROVE, comment: $t'),
  'cancelPromotionRequest request': mutation('cancelPromotionRequest', 'request: $t', 'ID!'),
  'importVersions slug': mutation(
    'importVersions',
    'versions: [{ slug: $t, committedAt: "2020-01-01T00:00:00Z", content: { template: "x" } }]',
  ),
  'importVersions message': mutation(
    'importVersions',
    'versions: [{ slug: "text/new", message: $t, committedAt: "2020-01-01T00:00:00Z", content: { template: "x" } }]',
  ),
};

function mutation(name: string, input: string, type = 'String!'): string {
  return `mutation ($t: ${type}) { ${name}(input: { ${input} }) { __typename ... on Error { code message } } }`;
}

function fields(name: string, names: readonly string[], others: string): Record<string, string> {
  return Object.fromEntries(
    names.map((field) => {
      const rest = others.replace(new RegExp(`\\b${field}: "[^"]*",? ?`), '');
      return [`${name} ${field}`, mutation(name, `${field}: $t${rest === '' ? '' : `, ${rest}`}`)];
    }),
  );
}

describe.each(Object.entries(UNSTORABLE))('%s', (_what, text) => {
  it.each(Object.keys(QUERIES))(
    'is never a fault of the server where queries take a text: %s',
    async (place) => {
      const answer = await server.execute(QUERIES[place] ?? '', { t: text });
      expect(answer.status).toBe(200);
      const codes = answer.errors().map(({ extensions }) => extensions?.code);
      expect(
        codes.every((code) => ['INVALID_INPUT', 'BAD_CURSOR', 'CHANNEL_NOT_FOUND'].includes(code ?? '')),
        `${place}: ${JSON.stringify(answer.errors())}`,
      ).toBe(true);
    },
  );

  it.each(Object.keys(MUTATIONS))('is refused, typed, where mutations take a text: %s', async (place) => {
    const answer = await server.execute(MUTATIONS[place] ?? '', { t: text });
    expect(answer.errors()).toEqual([]);
    const [refusal] = Object.values(answer.data() as Record<string, { __typename: string }>);
    expect(refusal?.__typename).toMatch(/^(InvalidInput|NotFound|ChannelNotFound)$/);
  });
});

describe('the places that take a text', () => {
  it('are all of those that the queries of the schema have', async () => {
    const { data } = { data: (await server.execute(INPUTS)).data() as Introspected };
    const isText = (type: TypeRef): boolean =>
      type.ofType === null ? ['String', 'ID', 'JSON'].includes(type.name ?? '') : isText(type.ofType);
    const places = data.__schema.types
      // Of subscriptions test/api/websocket-subscriptions.test.ts has the cases, of `workspaces`, which is for operators, workspaces.test.ts.
      .filter(({ name }) => !name.startsWith('__') && name !== 'Mutation' && name !== 'Subscription')
      .flatMap(({ name, fields: outputs, inputFields }) => [
        ...(outputs ?? []).flatMap((field) =>
          field.args.filter(({ type }) => isText(type)).map((arg) => `${name}.${field.name}(${arg.name})`),
        ),
        ...(name.endsWith('Filter')
          ? (inputFields ?? []).filter(({ type }) => isText(type)).map((field) => `${name}.${field.name}`)
          : []),
      ]);
    expect(places.filter((place) => !place.startsWith('Query.workspaces')).toSorted()).toEqual(
      Object.keys(QUERIES).toSorted(),
    );
  });

  it('hold what they should when it can be stored', async () => {
    const answer = await server.execute(QUERIES['PromptVersion.render(variables)'] ?? '', {
      t: '\u{1F600}\u0001',
    });
    expect(answer.data()).toEqual({ prompt: { latest: { render: { text: '\u{1F600}\u0001' } } } });
  });
});

interface TypeRef {
  readonly name: string | null;
  readonly ofType: TypeRef | null;
}
interface Named {
  readonly name: string;
  readonly type: TypeRef;
}
interface Introspected {
  readonly __schema: {
    readonly types: readonly {
      readonly name: string;
      readonly fields: readonly { readonly name: string; readonly args: readonly Named[] }[] | null;
      readonly inputFields: readonly Named[] | null;
    }[];
  };
}

const TYPE = 'type { name ofType { name ofType { name ofType { name ofType { name } } } } }';
const INPUTS = `{ __schema { types { name fields { name args { name ${TYPE} } } inputFields { name ${TYPE} } } } }`;
