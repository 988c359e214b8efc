import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import { lockPrompt } from '../db/locks.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface RestorePromptInput {
  readonly slug: string;
}

/**
 * Takes a prompt out of the archive. No channel serves it again by that: promote or roll back.
 * @returns the prompt's id.
 * @throws NotFound, Forbidden, Unavailable
 */
export async function restorePrompt(
  deps: ActionDeps,
  actor: Actor,
  input: RestorePromptInput,
): Promise<string> {
  requireCan(actor, 'prompts:write', { slug: input.slug });
  const wanted = requireFindableSlug(input.slug);
  return inTransaction(deps, actor, async (tx) => {
    const { id, slug, archived } = await lockPrompt(tx, actor.workspaceId, wanted);
    if (!archived) return { answer: id, events: [] };
    await tx.prompt.update({
      where: { workspaceId_id: { workspaceId: actor.workspaceId, id } },
      data: { archivedAt: null, updatedAt: deps.clock() },
      select: { id: true },
    });
    return { answer: id, events: [{ payload: { type: 'PromptRestored', slug }, promptId: id }] };
  });
}
