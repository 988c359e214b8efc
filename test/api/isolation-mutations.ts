import { mutate, mutateById } from './isolation-case.ts';
import type { Case } from './isolation-case.ts';

/** What a mutation is told about, as isolation-cases.ts wants it. */
export const MUTATIONS: Readonly<Record<string, Case>> = {
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
  'Mutation.createApiKey(input.channels)': mutate(
    'channel',
    'createApiKey(input: { name: "of A", role: SERVICE, channels: [$x] })',
  ),
  'Mutation.rotateApiKey(input.id)': mutateById('apiKeyNode', 'rotateApiKey(input: { id: $x })'),
  'Mutation.revokeApiKey(input.id)': mutateById('apiKeyNode', 'revokeApiKey(input: { id: $x })'),
  'Mutation.setMemberRole(input.member)': mutateById(
    'memberNode',
    'setMemberRole(input: { member: $x, role: VIEWER })',
  ),
  'Mutation.setMemberRole(input.grants.channels)': mutate(
    'channel',
    'setMemberRole(input: { member: "none", grants: [{ role: RELEASER, channels: [$x] }] })',
  ),
  'Mutation.setChannelPolicy(input.channel)': mutate('channel', 'setChannelPolicy(input: { channel: $x })'),
  'Mutation.setChannelPolicy(input.soak.channel)': mutate(
    'channel',
    'setChannelPolicy(input: { channel: "stable", pattern: "no/such", soak: { channel: $x, minutes: 5 } })',
  ),
  'Mutation.removeChannelPolicy(input.channel)': mutate(
    'channel',
    'removeChannelPolicy(input: { channel: $x, pattern: "*" })',
  ),
  'Mutation.requestPromotion(input.slug)': mutate(
    'slug',
    'requestPromotion(input: { slug: $x, version: 1 })',
  ),
  'Mutation.requestPromotion(input.channel)': mutate(
    'channel',
    'requestPromotion(input: { slug: "shared/one", version: 1, channel: $x })',
  ),
  'Mutation.requestPromotion(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'requestPromotion(input: { slug: "no/such", version: 1, idempotencyKey: $x })',
  ),
  'Mutation.reviewPromotion(input.request)': mutateById(
    'requestNode',
    'reviewPromotion(input: { request: $x, decision: APPROVE })',
  ),
  'Mutation.reviewPromotion(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'reviewPromotion(input: { request: "none", decision: APPROVE, idempotencyKey: $x })',
  ),
  'Mutation.cancelPromotionRequest(input.request)': mutateById(
    'requestNode',
    'cancelPromotionRequest(input: { request: $x })',
  ),
  'Mutation.cancelPromotionRequest(input.idempotencyKey)': mutate(
    'idempotencyKey',
    'cancelPromotionRequest(input: { request: "none", idempotencyKey: $x })',
  ),
};
