import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireMovable, STABLE } from '../domain/channel.ts';
import { requireBreakGlassReason, requireReason } from '../domain/promotion.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import { inIdempotentSqlTransaction } from '../db/idempotency.ts';
import { promote } from '../db/promote.ts';
import { loadPromotionFacts } from '../db/promotion-facts.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface PromoteVersionInput {
  readonly slug: string;
  readonly version: number;
  readonly channel?: string | null | undefined;
  readonly reason?: string | null | undefined;
  readonly expectedVersion?: number | null | undefined;
  readonly breakGlass?: boolean | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Points a channel at a version, deliberately: as its policy allows, on the approved request for the version where there is one. With
 * `breakGlass` over what blocks, in an emergency, loudly.
 * @returns the promotion's id.
 * @throws PromotionBlocked, NotFound, VersionNotFound, ChannelNotFound, ChannelReserved, ChannelMoved, PromptArchived, InvalidInput,
 * IdempotencyConflict, Forbidden, Unavailable
 */
export async function promoteVersion(
  deps: ActionDeps,
  actor: Actor,
  input: PromoteVersionInput,
): Promise<string> {
  const { slug, channel: wanted } = { ...input, channel: input.channel ?? STABLE };
  const breakGlass = input.breakGlass ?? false;
  requireCan(actor, breakGlass ? 'promotions:break-glass' : 'channels:promote', { slug, channel: wanted });
  requireFindableSlug(slug);
  const channel = requireMovable(wanted);
  const reason = breakGlass ? requireBreakGlassReason(input.reason) : requireReason(input.reason);
  return inIdempotentSqlTransaction(deps, actor, { mutation: 'promoteVersion', input }, async (tx) => {
    const now = deps.clock();
    const facts = await loadPromotionFacts(tx, actor.workspaceId, channel, { items: [input], now });
    const { ids, events } = await promote(tx, actor, facts, { reason, now, newId: deps.newId, breakGlass });
    return { answer: ids[0] ?? '', events };
  });
}
