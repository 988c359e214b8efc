import { ORDINARY, DEEP } from './large-world.ts';

/** A connection: what stands before its arguments, what after them, the fields of a row. `around`: what it stands in. */
export interface List {
  readonly field: string;
  readonly filter?: string;
  readonly row: string;
  readonly around?: string;
}

const PROMPT =
  'slug tags latest { number } version(channel: "stable") { number } channels { since version { number } }';
const PROMOTION = 'kind cursor version { number } previousVersion { number } actor { name }';
const REQUEST =
  'status reviews { decision } approvals { have need } blockers { code } servingNow { number } diff { added } promotion { cursor }';
const NOW = new Date().toISOString();
const RECENT = `since: "${new Date(Date.now() - 3_600_000).toISOString()}"`;
const prompts = (filter: string, order = 'SLUG_ASC'): List => ({
  field: 'prompts',
  filter: `filter: { ${filter} }, orderBy: ${order}`,
  row: PROMPT,
});
const events = (filter: string): List => ({
  field: 'events',
  filter: `filter: { ${filter} }`,
  row: 'seq type cursor prompt { slug } promotion { cursor version { number } previousVersion { number } rollout { subscribers } }',
});
const requests = (filter: string): List => ({
  field: 'promotionRequests',
  filter: `filter: { ${filter} }`,
  row: REQUEST,
});

/** Every list of the schema, with each of its filters and orders. */
export const LISTS: Readonly<Record<string, List>> = {
  prompts: { field: 'prompts', row: PROMPT },
  'prompts by update': prompts('archived: null', 'UPDATED_DESC'),
  'prompts by creation': prompts('archived: false', 'CREATED_DESC'),
  'prompts of a folder': prompts('folder: "topic-040"'),
  'prompts of an owner': prompts('owner: "team-7"'),
  'prompts with a tag': prompts('tag: "team-7"'),
  'prompts with a tag nobody has': prompts('tag: "nobody"'),
  'prompts of an owner nobody is, by update': prompts('owner: "nobody"', 'UPDATED_DESC'),
  'archived prompts': prompts('archived: true'),
  'archived prompts by update': prompts('archived: true', 'UPDATED_DESC'),
  'prompts with a rare word': prompts('search: "prompt-004021"'),
  'prompts with a common word': prompts('search: "be brief"'),
  'prompts with a word nobody wrote': prompts('search: "xylophone"', 'UPDATED_DESC'),
  'what a channel serves': {
    field: 'serving',
    around: 'channel(name: "stable")',
    row: 'since prompt { slug } version { number template } promotion { cursor }',
  },
  'who listens': {
    field: 'subscribers',
    around: 'channel(name: "stable")',
    row: 'since lastCursor appliedCursor',
  },
  'versions of a prompt': {
    field: 'versions',
    around: `prompt(slug: "${DEEP}")`,
    row: 'number author { name } channels { name } basedOn { number }',
  },
  'promotions of a prompt': { field: 'promotions', around: `prompt(slug: "${DEEP}")`, row: PROMOTION },
  'promotions of a prompt on a channel': {
    field: 'promotions',
    filter: 'channel: "stable"',
    around: `prompt(slug: "${DEEP}")`,
    row: PROMOTION,
  },
  events: events(''),
  'events of a rare type': events('types: ["ChannelCreated"]'),
  'events of a type nobody knows': events('types: ["Nothing"]'),
  'events of two types': events('types: ["PromptCreated", "VersionPromoted"]'),
  'events of a prompt': events(`prompt: "${DEEP}"`),
  'events of an actor': events('actor: "writer 7"'),
  'events of a time': events(RECENT),
  'events of a prompt and a type': events(`prompt: "${DEEP}", types: ["PromptCreated"]`),
  'events of an actor and a type': events('actor: "writer 7", types: ["PromptCreated"]'),
  'events of an actor nobody is': events('actor: "nobody"'),
  'API keys': { field: 'apiKeys', row: 'name' },
  'API keys in force': { field: 'apiKeys', filter: 'filter: { active: true }', row: 'name' },
  members: { field: 'members', row: 'name' },
  'promotion requests': { field: 'promotionRequests', row: REQUEST },
  'open requests': requests('status: OPEN'),
  'requests nobody made': requests('status: APPLIED'),
  'requests of a prompt': requests(`prompt: "${ORDINARY}"`),
  'requests of a channel': requests('channel: "c-1"'),
  'requests of a channel that has none': requests('channel: "stable"'),
};

/** Of these, what a key that is limited to a folder asks for in another way. */
export const LIMITED_LISTS = [
  'prompts',
  'prompts by update',
  'what a channel serves',
  'events',
  'promotion requests',
];

/** Single rows, and what hangs on them. */
export const READS: Readonly<Record<string, string>> = {
  viewer:
    '{ viewer { actor { name } workspace { slug headCursor auditCheckpoint { seq } } } channels { name policies { pattern } } }',
  'a prompt': `{ prompt(slug: "${ORDINARY}") { ${PROMPT} versions { totalCount edges { node { number } } } promotions { totalCount edges { node { ${PROMOTION} } } } } }`,
  'a version': `{ prompt(slug: "${ORDINARY}") { version(number: 3) { template diff(against: 2) { added } lint { kind } render { ... on RenderedPrompt { text } } consumers { channel } usage(from: "2020-01-01T00:00:00Z", to: "2040-01-01T00:00:00Z") { fetched } } } }`,
  'usage of a prompt': `{ prompt(slug: "${ORDINARY}") { usage(from: "${new Date(Date.now() - 86_400_000).toISOString()}", to: "${NOW}") { fetched } version(channel: "stable") { consumers { channel } } } }`,
  'usage of a long history': `{ prompt(slug: "${DEEP}") { usage(from: "${new Date(Date.now() - 86_400_000).toISOString()}", to: "${NOW}") { fetched } } }`,
  'a plan': `{ prompt(slug: "${ORDINARY}") { promotionPlan(version: 2) { allowed blockers { code } } } }`,
  'a rollout': `{ prompt(slug: "${ORDINARY}") { promotions(first: 1) { edges { node { rollout { subscribers applied } } } } } }`,
};

/** What changes something, once each; in this order. */
export const WRITES: Readonly<Record<string, string>> = {
  'create a prompt':
    'createPrompt(input: { slug: "new/one", content: { template: "a" }, idempotencyKey: "k" })',
  'edit a long history': `editPrompt(input: { slug: "${DEEP}", content: { template: "b" } })`,
  'update a prompt': `updatePrompt(input: { slug: "${ORDINARY}", owner: "me", newSlug: "topic-040/renamed" })`,
  'and back': `updatePrompt(input: { slug: "topic-040/renamed", newSlug: "${ORDINARY}" })`,
  promote: `promoteVersion(input: { slug: "${DEEP}", version: 7, idempotencyKey: "k" })`,
  'promote several': `promoteVersions(input: { items: [{ slug: "${DEEP}", version: 8 }, { slug: "${ORDINARY}", version: 1 }] })`,
  'roll back': `rollbackChannel(input: { slug: "${DEEP}" })`,
  withdraw: `withdrawPrompt(input: { slug: "${DEEP}", channel: "stable" })`,
  archive: 'archivePrompt(input: { slug: "topic-001/prompt-000101" })',
  restore: 'restorePrompt(input: { slug: "topic-001/prompt-000101" })',
  import: `importVersions(input: { versions: [{ slug: "${ORDINARY}", committedAt: "${NOW}", content: { template: "c" } }, { slug: "new/two", committedAt: "2026-01-01T00:00:00Z", content: { template: "c" } }] })`,
  'create a channel': 'createChannel(input: { name: "beta" })',
  'demand a review': 'setChannelPolicy(input: { channel: "beta", pattern: "*", approvals: 1 })',
  'ask for a promotion': `requestPromotion(input: { slug: "${ORDINARY}", version: 2, channel: "beta" })`,
  'demand nothing': 'removeChannelPolicy(input: { channel: "beta", pattern: "*" })',
  'make a key': 'createApiKey(input: { name: "k", role: VIEWER })',
};

/** Paths that are fetched. */
export const PATHS: Readonly<Record<string, string>> = {
  'REST by channel': `/v1/prompts/${ORDINARY}?_version=stable`,
  'REST by number': `/v1/prompts/${DEEP}?_version=1500`,
  'REST of what is not there': '/v1/prompts/no/such?_version=stable',
  'a channel of a folder': '/v1/channels/stable?prompts=topic-040/*',
  'a whole channel': '/v1/channels/stable',
  'an export': '/v1/audit/events?types=ChannelCreated',
  'an export of a prompt': `/v1/audit/events?prompt=${DEEP}&types=PromptCreated`,
  'an export of an hour': `/v1/audit/events?since=${new Date(Date.now() - 3_600_000).toISOString()}`,
};
