import { can, requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { LATEST } from '../domain/channel.ts';
import { Forbidden, InvalidInput } from '../domain/errors.ts';
import {
  requireDescription,
  requireFindableSlug,
  requireOwner,
  requireSlug,
  requireTags,
} from '../domain/prompt.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { lockPrompt, requireFreeSlug } from '../db/locks.ts';
import { channelsDecidedOtherwise, channelsWithPolicy } from '../db/policies.ts';
import { closeRequests } from '../db/promotion-requests.ts';
import { refreshSearch } from '../db/search.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps, Outcome, Tx } from '../db/transaction.ts';

/** Absent: unchanged. Null: cleared. */
export interface UpdatePromptInput {
  readonly slug: string;
  readonly newSlug?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly owner?: string | null | undefined;
}

interface Metadata {
  readonly slug: string;
  readonly description: string | null;
  readonly tags: string[];
  readonly owner: string | null;
}

/**
 * Changes metadata, never content. A rename that another policy would decide on needs the right to manage channels.
 * @returns the prompt's id.
 * @throws NotFound, SlugTaken, InvalidInput, Forbidden, Unavailable
 */
export async function updatePrompt(
  deps: ActionDeps,
  actor: Actor,
  input: UpdatePromptInput,
): Promise<string> {
  requireCan(actor, 'prompts:write', { slug: input.slug });
  const slug = requireFindableSlug(input.slug);
  const changes = parse(input);
  if (changes.slug !== undefined) requireCan(actor, 'prompts:write', { slug: changes.slug });
  return inTransaction(deps, actor, (tx) => applyUpdate(deps, tx, actor, slug, changes), isUniqueViolation);
}

function parse(input: UpdatePromptInput): Partial<Metadata> {
  if (input.newSlug === null)
    throw new InvalidInput('newSlug', 'a prompt always has a slug: leave newSlug out to keep it');
  return {
    ...(input.newSlug === undefined ? {} : { slug: requireSlug('newSlug', input.newSlug) }),
    ...(input.description === undefined ? {} : { description: requireDescription(input.description) }),
    ...(input.tags === undefined ? {} : { tags: [...requireTags(input.tags ?? [])] }),
    ...(input.owner === undefined ? {} : { owner: requireOwner(input.owner) }),
  };
}

async function applyUpdate(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  slug: string,
  changes: Partial<Metadata>,
): Promise<Outcome<string>> {
  const { workspaceId } = actor;
  const { id } = await lockPrompt(tx, workspaceId, slug);
  const where = { workspaceId_id: { workspaceId, id } };
  const before: Metadata = await tx.prompt.findUniqueOrThrow({
    where,
    select: { slug: true, description: true, tags: true, owner: true },
  });
  const after: Metadata = { ...before, ...changes };
  const changed = (['slug', 'description', 'tags', 'owner'] as const).filter(
    (field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]),
  );
  if (changed.length === 0) return { answer: id, events: [] };
  if (after.slug !== slug) {
    await requireFreeSlug(tx, workspaceId, after.slug);
    await requireRename(tx, actor, { promptId: id, from: slug, to: after.slug });
  }
  const now = deps.clock();
  // What was asked for was asked for under the other name, and is judged by those who may judge there.
  const cancelled =
    after.slug === slug
      ? []
      : await closeRequests(tx, workspaceId, { promptId: id }, { status: 'CANCELLED', now });
  await tx.prompt.update({ where, data: { ...after, updatedAt: now }, select: { id: true } });
  await refreshSearch(tx, workspaceId, [id]);
  const facts = (metadata: Metadata) => Object.fromEntries(changed.map((field) => [field, metadata[field]]));
  const payload = {
    type: 'PromptUpdated',
    slug: after.slug,
    before: facts(before),
    after: facts(after),
  } as const;
  return { answer: id, events: [...cancelled, { payload, promptId: id }] };
}

interface Rename {
  readonly promptId: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A rename is no way around what a channel demands: it takes away what is served under the one name and serves it under the other. Where
 * nothing is demanded it needs the rights of both, where something is, that to manage channels. @throws Forbidden
 */
async function requireRename(tx: Tx, actor: Actor, { promptId, from, to }: Rename): Promise<void> {
  if (can(actor, 'channels:manage')) return;
  const { workspaceId } = actor;
  const decided = await channelsDecidedOtherwise(tx, workspaceId, from, to);
  if (decided.length > 0)
    throw lacksManagement(actor, to, `another policy would decide on channel ${named(decided)}`);
  const serving = await tx.channelPointer.findMany({
    where: { workspaceId, promptId, versionId: { not: null }, channel: { name: { not: LATEST } } },
    select: { channel: { select: { name: true } } },
  });
  const channels = serving.map(({ channel }) => channel.name).toSorted();
  for (const channel of channels) {
    requireCan(actor, 'channels:rollback', { slug: from, channel });
    requireCan(actor, 'channels:promote', { slug: to, channel });
  }
  const guarded = await channelsWithPolicy(tx, workspaceId, from, channels);
  if (guarded.length > 0)
    throw lacksManagement(actor, to, `channel ${named(guarded)} serves it and has a policy for it`);
}

function lacksManagement({ name }: Actor, to: string, because: string): Forbidden {
  return new Forbidden(
    `this credential (${name}) lacks the scope "channels:manage", which a rename to ${JSON.stringify(to)} needs: ${because}`,
  );
}

function named(channels: readonly string[]): string {
  return channels.map((channel) => `"${channel}"`).join(', ');
}
