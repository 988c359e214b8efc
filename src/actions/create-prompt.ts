import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireDescription, requireOwner, requireSlug, requireTags } from '../domain/prompt.ts';
import { parseContent, requireVersionMessage } from '../domain/version.ts';
import type { Content, ContentInput } from '../domain/version.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { inIdempotentTransaction } from '../db/idempotency.ts';
import { requireFreeSlug } from '../db/locks.ts';
import { saveVersions } from '../db/save-versions.ts';
import type { ActionDeps, Tx } from '../db/transaction.ts';

export interface CreatePromptInput {
  readonly slug: string;
  readonly description?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly owner?: string | null | undefined;
  readonly content: ContentInput;
  readonly message?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Creates a prompt; its content becomes version 1.
 * @returns the prompt's id.
 * @throws SlugTaken, InvalidInput, IdempotencyConflict, Forbidden, Unavailable
 */
export async function createPrompt(
  deps: ActionDeps,
  actor: Actor,
  input: CreatePromptInput,
): Promise<string> {
  requireCan(actor, 'prompts:write', { slug: input.slug });
  const parsed = parse(input);
  const work = async (tx: Tx) => {
    const promptId = deps.newId();
    const events = await insertPrompt(deps, tx, actor, { ...parsed, promptId });
    return { answer: promptId, events };
  };
  return inIdempotentTransaction(deps, actor, { mutation: 'createPrompt', input }, work, isUniqueViolation);
}

function parse(input: CreatePromptInput) {
  return {
    slug: requireSlug('slug', input.slug),
    description: requireDescription(input.description),
    tags: requireTags(input.tags ?? []),
    owner: requireOwner(input.owner),
    content: parseContent('content', input.content),
    message: requireVersionMessage('message', input.message),
  };
}

interface NewPrompt extends Omit<ReturnType<typeof parse>, 'content'> {
  readonly promptId: string;
  readonly content: Content;
}

async function insertPrompt(deps: ActionDeps, tx: Tx, actor: Actor, fresh: NewPrompt) {
  const { workspaceId } = actor;
  const { slug, promptId, content } = fresh;
  await requireFreeSlug(tx, workspaceId, slug);
  const now = deps.clock();
  await tx.prompt.createMany({
    data: {
      workspaceId,
      id: promptId,
      slug,
      kind: content.kind,
      description: fresh.description,
      tags: [...fresh.tags],
      owner: fresh.owner,
      latestNumber: 1,
      createdAt: now,
      updatedAt: now,
    },
  });
  const saved = await saveVersions(tx, actor, now, [
    {
      prompt: { id: promptId, slug },
      versionId: deps.newId(),
      promotionId: deps.newId(),
      number: 1,
      ordinal: 1,
      previous: null,
      content,
      message: fresh.message,
      createdAt: now,
      committedAt: null,
    },
  ]);
  return [{ payload: { type: 'PromptCreated', slug, kind: content.kind }, promptId } as const, ...saved];
}
