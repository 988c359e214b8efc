import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireMovable, STABLE } from '../domain/channel.ts';
import { InvalidInput } from '../domain/errors.ts';
import { requireReason } from '../domain/promotion.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import { inIdempotentSqlTransaction } from '../db/idempotency.ts';
import { promote } from '../db/promote.ts';
import { loadPromotionFacts } from '../db/promotion-facts.ts';
import type { PromotionItem } from '../db/promotion-facts.ts';
import type { ActionDeps } from '../db/transaction.ts';

const ITEMS_MAX = 500;

export interface PromoteVersionsInput {
  readonly channel?: string | null | undefined;
  readonly items: readonly PromotionItem[];
  readonly reason?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Points a channel at versions of several prompts: all or nothing, one commit.
 * @returns the id of the first promotion; the others share its commit.
 * @throws PromotionBlocked with what blocks any of the items; otherwise as promoteVersion, for the first item that is refused.
 */
export async function promoteVersions(
  deps: ActionDeps,
  actor: Actor,
  input: PromoteVersionsInput,
): Promise<string> {
  const wanted = input.channel ?? STABLE;
  const targets = input.items.slice(0, ITEMS_MAX).map(({ slug }) => ({ slug, channel: wanted }));
  for (const target of targets.length === 0 ? [{ channel: wanted }] : targets)
    requireCan(actor, 'channels:promote', target);
  requireItems(input.items);
  const channel = requireMovable(wanted);
  const reason = requireReason(input.reason);
  return inIdempotentSqlTransaction(deps, actor, { mutation: 'promoteVersions', input }, async (tx) => {
    const now = deps.clock();
    const facts = await loadPromotionFacts(tx, actor.workspaceId, channel, { items: input.items, now });
    const { ids, events } = await promote(tx, actor, facts, { reason, now, newId: deps.newId });
    return { answer: ids[0] ?? '', events };
  });
}

function requireItems(items: readonly PromotionItem[]): void {
  if (items.length === 0 || items.length > ITEMS_MAX) {
    throw new InvalidInput('items', `has ${items.length} items, 1 to ${ITEMS_MAX} are allowed`);
  }
  const first = new Map<string, number>();
  items.forEach(({ slug }, index) => {
    const earlier = first.get(slug);
    if (earlier !== undefined)
      throw new InvalidInput(`items[${index}].slug`, `repeats items[${earlier}]: a prompt is promoted once`);
    first.set(requireFindableSlug(slug), index);
  });
}
