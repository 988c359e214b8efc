import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { LATEST } from '../domain/channel.ts';
import { requireReason, stackAfterWithdrawal } from '../domain/promotion.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import { lockPrompt } from '../db/locks.ts';
import type { LockedPrompt } from '../db/locks.ts';
import { closeRequests } from '../db/promotion-requests.ts';
import { moveChannels } from '../db/move-channels.ts';
import type { Move } from '../db/move-channels.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps, Tx } from '../db/transaction.ts';

export interface ArchivePromptInput {
  readonly slug: string;
  readonly reason?: string | null | undefined;
}

/**
 * Retires a prompt: no edits, no promotions; every channel but `latest` stops serving it, which needs the right to
 * roll each of them back, and what was asked for is cancelled. Archiving twice changes nothing.
 * @returns the prompt's id.
 * @throws NotFound, InvalidInput, Forbidden, Unavailable
 */
export async function archivePrompt(
  deps: ActionDeps,
  actor: Actor,
  input: ArchivePromptInput,
): Promise<string> {
  requireCan(actor, 'prompts:write', { slug: input.slug });
  const slug = requireFindableSlug(input.slug);
  const reason = requireReason(input.reason);
  return inTransaction(deps, actor, async (tx) => {
    const prompt = await lockPrompt(tx, actor.workspaceId, slug);
    if (prompt.archived) return { answer: prompt.id, events: [] };
    const now = deps.clock();
    const withdrawals = await planWithdrawals(deps, tx, actor, prompt, reason);
    for (const { channel } of withdrawals)
      requireCan(actor, 'channels:rollback', { slug, channel: channel.name });
    const which = { promptId: prompt.id };
    const cancelled = await closeRequests(tx, actor.workspaceId, which, { status: 'CANCELLED', now });
    const events = withdrawals.length === 0 ? [] : await moveChannels(tx, actor, now, withdrawals);
    await tx.prompt.update({
      where: { workspaceId_id: { workspaceId: actor.workspaceId, id: prompt.id } },
      data: { archivedAt: now, updatedAt: now },
      select: { id: true },
    });
    const archived = {
      payload: { type: 'PromptArchived', slug: prompt.slug, reason },
      promptId: prompt.id,
    } as const;
    return { answer: prompt.id, events: [...cancelled, ...events, archived] };
  });
}

async function planWithdrawals(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  prompt: LockedPrompt,
  reason: string | null,
): Promise<Move[]> {
  const { workspaceId } = actor;
  await tx.$executeRaw`
    SELECT 1 FROM "channel_pointer" WHERE workspace_id = ${workspaceId}::uuid AND prompt_id = ${prompt.id}::uuid
    ORDER BY channel_id FOR NO KEY UPDATE`;
  const pointers = await tx.channelPointer.findMany({
    where: { workspaceId, promptId: prompt.id, versionId: { not: null }, channel: { name: { not: LATEST } } },
    orderBy: { channelId: 'asc' },
    select: {
      channel: { select: { id: true, name: true } },
      version: { select: { id: true, number: true } },
      promotion: { select: { baseId: true, baseBelowId: true } },
    },
  });
  return pointers.map(({ channel, version, promotion }, index) => ({
    promotionId: deps.newId(),
    kind: 'WITHDRAWAL',
    prompt,
    ordinal: prompt.lastOrdinal + 1 + index,
    channel,
    version: null,
    previous: version,
    stack: stackAfterWithdrawal({ serving: version, ...promotion }),
    reason,
  }));
}
