import { can, requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
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
import { channelsDecidedOtherwise } from '../db/policies.ts';
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
    await requireSamePolicies(tx, actor, { from: slug, to: after.slug });
  }
  await tx.prompt.update({ where, data: { ...after, updatedAt: deps.clock() }, select: { id: true } });
  await refreshSearch(tx, workspaceId, [id]);
  const facts = (metadata: Metadata) => Object.fromEntries(changed.map((field) => [field, metadata[field]]));
  const payload = {
    type: 'PromptUpdated',
    slug: after.slug,
    before: facts(before),
    after: facts(after),
  } as const;
  return { answer: id, events: [{ payload, promptId: id }] };
}

/** A rename must be no way around what a channel demands. @throws Forbidden */
async function requireSamePolicies(
  tx: Tx,
  actor: Actor,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  if (can(actor, 'channels:manage')) return;
  const channels = await channelsDecidedOtherwise(tx, actor.workspaceId, from, to);
  if (channels.length === 0) return;
  throw new Forbidden(
    `this credential (${actor.name}) lacks the scope "channels:manage", which a rename to ${JSON.stringify(to)} needs: another policy would decide on channel ${channels.map((name) => `"${name}"`).join(', ')}`,
  );
}
