import { systemActor } from '../domain/actor.ts';
import { Refusal } from '../domain/errors.ts';
import { decide, promote } from '../db/promote.ts';
import { loadPromotionFacts } from '../db/promotion-facts.ts';
import { expireRequest, getRequest, listExpired, listSoaked } from '../db/promotion-requests.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

/** In one round; what is left is for the next one. */
const BATCH = 500;

/**
 * What time does to requests, in all workspaces: those that nobody answered expire, and those that waited for their soak time alone are
 * applied, by PromptForge itself. Any node may, at any time: each is decided again under its locks.
 * @returns how many were closed.
 */
export async function sweepPromotionRequests(deps: ActionDeps): Promise<number> {
  let closed = 0;
  for (const { workspaceId, id } of await listExpired(deps.writer, deps.clock(), BATCH))
    if (await expireRequest(deps, workspaceId, id)) closed += 1;
  for (const { workspaceId, id } of await listSoaked(deps.writer, deps.clock(), BATCH))
    if (await applyRequest(deps, workspaceId, id)) closed += 1;
  return closed;
}

async function applyRequest(deps: ActionDeps, workspaceId: string, requestId: string): Promise<boolean> {
  const actor = systemActor(workspaceId);
  try {
    return await inTransaction(deps, actor, async (tx) => {
      const now = deps.clock();
      const { slug, channel, version } = await getRequest(tx, workspaceId, requestId);
      const items = [{ slug, version }];
      const facts = await loadPromotionFacts(tx, workspaceId, channel, { items, now });
      const wish = { reason: null, now, newId: deps.newId };
      const isDue = facts.every(
        (fact) =>
          fact.policy.autoApply &&
          fact.policy.promoterRole === 'RELEASER' &&
          decide(actor, fact, wish).requestId === requestId,
      );
      if (!isDue) return { answer: false, events: [] };
      const { events } = await promote(tx, actor, facts, wish);
      return { answer: true, events };
    });
  } catch (error) {
    // Somebody was faster, or it is blocked again.
    if (error instanceof Refusal && error.code !== 'UNAVAILABLE') return false;
    throw error;
  }
}
