import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireMovable, STABLE } from '../domain/channel.ts';
import { requireReason } from '../domain/promotion.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import { inIdempotentTransaction } from '../db/idempotency.ts';
import { moveChannels } from '../db/move-channels.ts';
import { loadPromotionFacts, promotionMove } from '../db/promotion-facts.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface PromoteVersionInput {
  readonly slug: string;
  readonly version: number;
  readonly channel?: string | null | undefined;
  readonly reason?: string | null | undefined;
  readonly expectedVersion?: number | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Points a channel at a version, deliberately.
 * @returns the promotion's id.
 * @throws NotFound, VersionNotFound, ChannelNotFound, ChannelReserved, ChannelMoved, PromptArchived, InvalidInput, IdempotencyConflict,
 * Forbidden, Unavailable
 */
export async function promoteVersion(
  deps: ActionDeps,
  actor: Actor,
  input: PromoteVersionInput,
): Promise<string> {
  const { slug, channel: wanted } = { ...input, channel: input.channel ?? STABLE };
  requireCan(actor, 'channels:promote', { slug, channel: wanted });
  requireFindableSlug(slug);
  const channel = requireMovable(wanted);
  const reason = requireReason(input.reason);
  return inIdempotentTransaction(deps, actor, { mutation: 'promoteVersion', input }, async (tx) => {
    const promotionId = deps.newId();
    const facts = await loadPromotionFacts(tx, actor.workspaceId, channel, [input]);
    const moves = facts.map((fact) => promotionMove(fact, promotionId, reason));
    const events = await moveChannels(tx, actor, deps.clock(), moves);
    return { answer: promotionId, events };
  });
}
