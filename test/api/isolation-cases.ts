import type { Kind } from './isolation-world.ts';

/** What is asked for: B's, or one of the same kind that nobody has; and the operation that asks for it as `$x`. */
export interface Case {
  readonly kind: Kind;
  readonly query: string;
  /** B's own value makes no difference to B either: a place in a list, or a text that is not looked up. */
  readonly blind?: boolean;
}

/** Texts that name nothing which somebody else could own: each with what it is. */
export const FREE_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/^Mutation\..*\.content\./, 'what a version holds'],
  [
    /^Mutation\..*\.(description|message|reason|owner|tags)\)$/,
    'words about the own thing, stored as they are',
  ],
  [/^Mutation\.(createWorkspace|renameWorkspace)\(input\.name\)$/, 'a display name, which is not unique'],
  [/^Mutation\.deleteWorkspace\(input\.confirm\)$/, 'must repeat the slug'],
  [/^Viewer\.can\(scope\)$/, 'one of a fixed list'],
];

const query = (kind: Kind, field: string): Case => ({ kind, query: `query ($x: String!) { ${field} }` });
const page = (kind: Kind, field: string): Case => ({ ...query(kind, field), blind: true });
const byId = (field: string): Case => ({ kind: 'node', query: `query ($x: ID!) { ${field} }` });
const mutate = (kind: Kind, field: string): Case => ({
  kind,
  query: `mutation ($x: String!) { ${field} { __typename ... on Error { code message } } }`,
  blind: true,
});
const follow = (kind: Kind, field: string): Case => ({
  kind,
  query: `subscription ($x: String!) { ${field} { __typename cursor more ... on ChannelSnapshot { reason entries { version { template } } } } }`,
  blind: true,
});

/**
 * One line for each place of the schema where a caller writes what may be somebody else's: an id, slug, name, cursor or filter. A place
 * without a line, here or in FREE_TEXTS, fails the suite.
 */
export const CASES: Readonly<Record<string, Case>> = {
  'Query.prompt(slug)': query('slug', 'prompt(slug: $x) { slug version(channel: "stable") { template } }'),
  'Query.prompts(filter.folder)': query(
    'folder',
    'prompts(filter: { folder: $x }) { totalCount edges { node { slug } } }',
  ),
  'Query.prompts(filter.owner)': query(
    'owner',
    'prompts(filter: { owner: $x }) { totalCount edges { node { slug } } }',
  ),
  'Query.prompts(filter.search)': query(
    'search',
    'prompts(filter: { search: $x }) { totalCount edges { node { slug } } }',
  ),
  'Query.prompts(filter.tag)': query(
    'tag',
    'prompts(filter: { tag: $x }) { totalCount edges { node { slug } } }',
  ),
  'Query.prompts(after)': page(
    'promptCursor',
    'prompts(after: $x) { totalCount edges { node { slug } } pageInfo { hasNextPage } }',
  ),
  'Query.prompts(before)': page(
    'promptCursor',
    'prompts(last: 5, before: $x) { totalCount edges { node { slug } } }',
  ),
  'Query.channel(name)': query(
    'channel',
    'channel(name: $x) { name serving { totalCount edges { node { version { template } } } } }',
  ),
  'Query.events(filter.actor)': query(
    'actorName',
    'events(filter: { actor: $x }) { totalCount edges { node { type } } }',
  ),
  'Query.events(filter.prompt)': query(
    'slug',
    'events(filter: { prompt: $x }) { totalCount edges { node { type } } }',
  ),
  'Query.events(filter.types)': query(
    'eventType',
    'events(filter: { types: [$x] }) { totalCount edges { node { type } } }',
  ),
  'Query.events(after)': page('eventCursor', 'events(after: $x) { totalCount edges { node { type } } }'),
  'Query.events(before)': page(
    'eventCursor',
    'events(last: 2, before: $x) { totalCount edges { node { type } } }',
  ),
  'Query.node(id)': byId('node(id: $x) { __typename id }'),
  'Query.nodes(ids)': byId('nodes(ids: [$x]) { __typename id }'),
  'Query.workspaces(after)': page(
    'workspaceCursor',
    'workspaces(after: $x) { totalCount edges { node { slug } } }',
  ),
  'Query.workspaces(before)': page(
    'workspaceCursor',
    'workspaces(last: 5, before: $x) { totalCount edges { node { slug } } }',
  ),
  'Viewer.can(prompt)': page('slug', 'viewer { can(scope: "prompts:write", prompt: $x) }'),
  'Viewer.can(channel)': page(
    'channel',
    'viewer { can(scope: "channels:promote", prompt: "shared/one", channel: $x) }',
  ),
  'Prompt.version(channel)': query(
    'channel',
    'prompt(slug: "shared/one") { version(channel: $x) { template } }',
  ),
  'Prompt.promotions(channel)': query(
    'channel',
    'prompt(slug: "shared/one") { promotions(channel: $x) { totalCount edges { node { kind } } } }',
  ),
  'Prompt.promotions(after)': page(
    'promotionCursor',
    'prompt(slug: "shared/one") { promotions(after: $x) { totalCount edges { node { kind } } } }',
  ),
  'Prompt.promotions(before)': page(
    'promotionCursor',
    'prompt(slug: "shared/one") { promotions(last: 1, before: $x) { totalCount } }',
  ),
  'Prompt.versions(after)': page(
    'versionCursor',
    'prompt(slug: "shared/one") { versions(after: $x) { totalCount edges { node { template } } } }',
  ),
  'Prompt.versions(before)': page(
    'versionCursor',
    'prompt(slug: "shared/one") { versions(last: 1, before: $x) { totalCount edges { node { template } } } }',
  ),
  'Channel.serving(after)': page(
    'servingCursor',
    'channel(name: "stable") { serving(after: $x) { totalCount edges { node { version { template } } } } }',
  ),
  'Channel.serving(before)': page(
    'servingCursor',
    'channel(name: "stable") { serving(last: 5, before: $x) { edges { node { version { template } } } } }',
  ),
  'Channel.subscribers(after)': page(
    'subscriberCursor',
    'channel(name: "stable") { subscribers(after: $x) { totalCount edges { node { since } } } }',
  ),
  'Channel.subscribers(before)': page(
    'subscriberCursor',
    'channel(name: "stable") { subscribers(last: 5, before: $x) { totalCount } }',
  ),
  'Mutation.createPrompt(input.slug)': mutate(
    'newSlug',
    'createPrompt(input: { slug: $x, content: { template: "of A" } })',
  ),
  'Mutation.createPrompt(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'createPrompt(input: { slug: "shared/one", content: { template: "of A" }, idempotencyKey: $x })',
  ),
  'Mutation.editPrompt(input.slug)': mutate(
    'slug',
    'editPrompt(input: { slug: $x, content: { template: "of A" } })',
  ),
  'Mutation.editPrompt(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'editPrompt(input: { slug: "no/such", content: { template: "of A" }, idempotencyKey: $x })',
  ),
  'Mutation.updatePrompt(input.slug)': mutate('slug', 'updatePrompt(input: { slug: $x, owner: "me" })'),
  // And back, so that the next one finds it as it was.
  'Mutation.updatePrompt(input.newSlug)': mutate(
    'renamedSlug',
    'there: updatePrompt(input: { slug: "shared/two", newSlug: $x }) { __typename } updatePrompt(input: { slug: $x, newSlug: "shared/two" })',
  ),
  'Mutation.archivePrompt(input.slug)': mutate('slug', 'archivePrompt(input: { slug: $x })'),
  'Mutation.restorePrompt(input.slug)': mutate('slug', 'restorePrompt(input: { slug: $x })'),
  'Mutation.importVersions(input.versions.slug)': mutate(
    'importedSlug',
    'importVersions(input: { versions: [{ slug: $x, committedAt: "2020-01-01T00:00:00Z", content: { template: "of A" } }] })',
  ),
  'Mutation.createChannel(input.name)': mutate('newChannel', 'createChannel(input: { name: $x })'),
  'Mutation.promoteVersion(input.slug)': mutate('slug', 'promoteVersion(input: { slug: $x, version: 1 })'),
  'Mutation.promoteVersion(input.channel)': mutate(
    'channel',
    'promoteVersion(input: { slug: "shared/one", version: 1, channel: $x })',
  ),
  'Mutation.promoteVersion(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'promoteVersion(input: { slug: "no/such", version: 1, idempotencyKey: $x })',
  ),
  'Mutation.promoteVersions(input.items.slug)': mutate(
    'slug',
    'promoteVersions(input: { channel: "stable", items: [{ slug: $x, version: 1 }] })',
  ),
  'Mutation.promoteVersions(input.channel)': mutate(
    'channel',
    'promoteVersions(input: { channel: $x, items: [{ slug: "shared/one", version: 1 }] })',
  ),
  'Mutation.promoteVersions(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'promoteVersions(input: { channel: "stable", items: [{ slug: "no/such", version: 1 }], idempotencyKey: $x })',
  ),
  'Mutation.rollbackChannel(input.slug)': mutate('slug', 'rollbackChannel(input: { slug: $x })'),
  'Mutation.rollbackChannel(input.channel)': mutate(
    'channel',
    'rollbackChannel(input: { slug: "shared/one", channel: $x })',
  ),
  'Mutation.rollbackChannel(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'rollbackChannel(input: { slug: "no/such", idempotencyKey: $x })',
  ),
  'Mutation.withdrawPrompt(input.slug)': mutate(
    'slug',
    'withdrawPrompt(input: { slug: $x, channel: "stable" })',
  ),
  'Mutation.withdrawPrompt(input.channel)': mutate(
    'channel',
    'withdrawPrompt(input: { slug: "shared/one", channel: $x })',
  ),
  'Mutation.withdrawPrompt(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'withdrawPrompt(input: { slug: "no/such", channel: "stable", idempotencyKey: $x })',
  ),
  'Mutation.createWorkspace(input.slug)': mutate(
    'workspaceSlug',
    'createWorkspace(input: { slug: $x, name: "Mine" })',
  ),
  'Mutation.renameWorkspace(input.slug)': mutate(
    'workspaceSlug',
    'renameWorkspace(input: { slug: $x, name: "Mine" })',
  ),
  'Mutation.renameWorkspace(input.newSlug)': mutate(
    'workspaceSlug',
    'renameWorkspace(input: { slug: "mine", newSlug: $x })',
  ),
  'Mutation.deleteWorkspace(input.slug)': mutate(
    'workspaceSlug',
    'deleteWorkspace(input: { slug: $x, confirm: $x })',
  ),
  'Subscription.channelEvents(channel)': follow('channel', 'channelEvents(channel: $x, snapshot: true)'),
  'Subscription.channelEvents(prompts)': follow('slug', 'channelEvents(prompts: [$x], snapshot: true)'),
  'Subscription.channelEvents(after)': follow('feedCursor', 'channelEvents(after: $x)'),
};
