import { can, canSomewhere, requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { mayReadPrompt } from '../domain/actor-reading.ts';
import { inIdempotentTransaction } from '../db/idempotency.ts';
import {
  closeRequests,
  getRequest,
  requestNotFound,
  lockPromptRow,
  requireOpen,
} from '../db/promotion-requests.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface CancelPromotionRequestInput {
  readonly requestId: string;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Takes a request back: its author may, and whoever manages channels.
 * @returns the request's id.
 * @throws RequestClosed, NotFound, InvalidInput, IdempotencyConflict, Forbidden, Unavailable
 */
export async function cancelPromotionRequest(
  deps: ActionDeps,
  actor: Actor,
  input: CancelPromotionRequestInput,
): Promise<string> {
  const { workspaceId } = actor;
  if (!canSomewhere(actor, 'promotions:request')) requireCan(actor, 'channels:manage');
  return inIdempotentTransaction(deps, actor, { mutation: 'cancelPromotionRequest', input }, async (tx) => {
    const { requesterId, promptId, slug } = await getRequest(tx, workspaceId, input.requestId);
    if (requesterId !== actor.id && !can(actor, 'channels:manage') && !mayReadPrompt(actor, slug))
      throw requestNotFound();
    if (requesterId !== actor.id) requireCan(actor, 'channels:manage');
    await lockPromptRow(tx, workspaceId, promptId);
    const now = deps.clock();
    const locked = await getRequest(tx, workspaceId, input.requestId);
    requireOpen(locked, now);
    const which = { ids: [locked.id], promptId };
    return {
      answer: locked.id,
      events: await closeRequests(tx, workspaceId, which, { status: 'CANCELLED', now }),
    };
  });
}
