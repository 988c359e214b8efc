import { byId, follow, followRequests, page, query } from './isolation-case.ts';
import type { Case } from './isolation-case.ts';
import { MUTATIONS } from './isolation-mutations.ts';

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
  [/^Mutation\.createApiKey\(input\.(name|scopes)\)$/, 'a display name, and a fixed list'],
  [/^Mutation\.reviewPromotion\(input\.comment\)$/, 'words about the own thing, stored as they are'],
  [/^Mutation\..*\.(pattern|prompts)\)$/, 'patterns are not looked up'],
  [/^Subscription\.channelEvents\(instance\)$/, 'the own name of a process, of its key'],
  [/^Subscription\.promotionRequests\(prompts\)$/, 'patterns of what is heard of, which nothing else is'],
];

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
  'Query.apiKeys(after)': page('apiKeyCursor', 'apiKeys(after: $x) { totalCount edges { node { name } } }'),
  'Query.apiKeys(before)': page(
    'apiKeyCursor',
    'apiKeys(last: 5, before: $x) { totalCount edges { node { name } } }',
  ),
  'Query.members(after)': page('memberCursor', 'members(after: $x) { totalCount edges { node { name } } }'),
  'Query.members(before)': page(
    'memberCursor',
    'members(last: 5, before: $x) { totalCount edges { node { name } } }',
  ),
  'Query.promotionRequests(after)': page(
    'requestCursor',
    'promotionRequests(after: $x) { totalCount edges { node { reason } } }',
  ),
  'Query.promotionRequests(before)': page(
    'requestCursor',
    'promotionRequests(last: 5, before: $x) { totalCount edges { node { reason } } }',
  ),
  'Query.promotionRequests(filter.channel)': query(
    'channel',
    'promotionRequests(filter: { channel: $x }) { totalCount edges { node { reason } } }',
  ),
  'Query.promotionRequests(filter.prompt)': query(
    'slug',
    'promotionRequests(filter: { prompt: $x }) { totalCount edges { node { reason } } }',
  ),
  'Prompt.promotionPlan(channel)': query(
    'channel',
    'prompt(slug: "shared/one") { promotionPlan(version: 1, channel: $x) { allowed } }',
  ),
  ...MUTATIONS,
  'Subscription.promotionRequests(channel)': followRequests('channel', 'promotionRequests(channel: $x)'),
  'Subscription.channelEvents(channel)': follow('channel', 'channelEvents(channel: $x, snapshot: true)'),
  'Subscription.channelEvents(prompts)': follow('slug', 'channelEvents(prompts: [$x], snapshot: true)'),
  'Subscription.channelEvents(after)': follow('feedCursor', 'channelEvents(after: $x)'),
};
