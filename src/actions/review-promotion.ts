import { can, canSomewhere, requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { mayReadPrompt } from '../domain/actor-reading.ts';
import { requireComment, RequestClosed, REVIEWS_MAX } from '../domain/approval.ts';
import type { Judgement, RequestStatus, ReviewDecision } from '../domain/approval.ts';
import { InvalidInput } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import { tallyOf } from '../domain/promotion-judgement.ts';
import { inIdempotentTransaction } from '../db/idempotency.ts';
import { decide, promote } from '../db/promote.ts';
import { loadPromotionFacts } from '../db/promotion-facts.ts';
import type { PromotionFacts } from '../db/promotion-facts.ts';
import { expireRequest, getRequest, requestNotFound, requireOpen } from '../db/promotion-requests.ts';
import type { FoundRequest } from '../db/promotion-requests.ts';
import type { OpenRequest } from '../db/promotion-standing.ts';
import type { ActionDeps, Outcome, Tx } from '../db/transaction.ts';

export interface ReviewPromotionInput {
  readonly requestId: string;
  readonly decision: ReviewDecision;
  readonly comment?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Judges a request: of its content, against what the channel serves. A rejection closes it, where the policy says so; the approval that
 * meets the policy moves the channel in the same commit, where the policy says so.
 * @returns the request's id.
 * @throws RequestClosed, NotFound, InvalidInput, IdempotencyConflict, Forbidden, Unavailable
 */
export async function reviewPromotion(
  deps: ActionDeps,
  actor: Actor,
  input: ReviewPromotionInput,
): Promise<string> {
  if (!canSomewhere(actor, 'promotions:review')) requireCan(actor, 'promotions:review');
  const comment = requireComment(input.comment);
  try {
    return await inIdempotentTransaction(deps, actor, { mutation: 'reviewPromotion', input }, (tx) =>
      review(deps, tx, actor, { ...input, comment }),
    );
  } catch (error) {
    // A refusal takes its transaction with it: that its time is over is written by one of its own. Should that fail, the answer is the same:
    // the sweep of promotion requests writes it within a minute.
    if (error instanceof RequestClosed && error.status === 'EXPIRED')
      await expireRequest(deps, actor.workspaceId, error.requestId).catch(() => undefined);
    throw error;
  }
}

async function review(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  input: ReviewPromotionInput & { readonly comment: string | null },
): Promise<Outcome<string>> {
  const { workspaceId } = actor;
  const now = deps.clock();
  const found = await getRequest(tx, workspaceId, input.requestId);
  const { slug, channel, version } = found;
  // Of what it may not even read it does not hear that it is there.
  if (!can(actor, 'promotions:review', { slug, channel }) && !mayReadPrompt(actor, slug))
    throw requestNotFound();
  requireCan(actor, 'promotions:review', { slug, channel });
  requireOpen(found, now);
  const [facts] = await loadPromotionFacts(tx, workspaceId, channel, { items: [{ slug, version }], now });
  const request = facts?.request;
  if (facts === undefined || request?.id !== found.id) {
    // Closed while this one waited for the prompt.
    requireOpen(await getRequest(tx, workspaceId, found.id), now);
    throw new RequestClosed(found.id, 'SUPERSEDED');
  }
  const said = request.reviews.findLast(({ reviewerId }) => reviewerId === actor.id);
  // To say the same again changes nothing, and fills no request.
  if (said?.decision === input.decision && input.comment === null) return { answer: found.id, events: [] };
  const judgement = await append(deps, tx, actor, { facts, request, input, now });
  const reviews = [...request.reviews, judgement];
  const judged = { ...facts, request: { ...request, reviews } };
  return settle(deps, tx, actor, { found, facts: judged, input, now });
}

interface Appending {
  readonly facts: PromotionFacts;
  readonly request: OpenRequest;
  readonly input: ReviewPromotionInput & { readonly comment: string | null };
  readonly now: Date;
}

async function append(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  { facts, request, input, now }: Appending,
): Promise<Judgement> {
  if (request.reviews.length >= REVIEWS_MAX)
    throw new InvalidInput('request', `the request has ${REVIEWS_MAX} reviews, which is the most it takes`);
  const judgement = {
    ordinal: (request.reviews.at(-1)?.ordinal ?? 0) + 1,
    reviewerId: actor.id,
    decision: input.decision,
    contentHash: facts.version.contentHash,
    servingVersionId: facts.position.serving?.id ?? null,
  };
  await tx.promotionReview.createMany({
    data: [
      {
        ...judgement,
        workspaceId: actor.workspaceId,
        id: deps.newId(),
        requestId: request.id,
        promptId: facts.prompt.id,
        comment: input.comment,
        reviewerKind: actor.kind,
        reviewerName: actor.name,
        createdAt: now,
      },
    ],
  });
  return judgement;
}

interface Settling extends Pick<Appending, 'input' | 'now'> {
  readonly found: FoundRequest;
  readonly facts: PromotionFacts & { readonly request: OpenRequest };
}

/** What becomes of the request now. */
async function settle(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  { found, facts, input, now }: Settling,
): Promise<Outcome<string>> {
  const { id, slug, channel, version } = found;
  const { isApproved, isRejected } = tallyOf(facts, facts.request, facts.request.reviews);
  const told = (status: RequestStatus): NewEvent => ({
    payload: {
      type: 'PromotionReviewed',
      requestId: id,
      slug,
      channel,
      version,
      decision: input.decision,
      comment: input.comment,
      contentHash: facts.version.contentHash,
      status,
    },
    promptId: facts.prompt.id,
  });
  if (isRejected) {
    await tx.promotionRequest.update({
      where: { workspaceId_id: { workspaceId: actor.workspaceId, id } },
      data: { status: 'REJECTED', closedAt: now },
      select: { id: true },
    });
    return { answer: id, events: [told('REJECTED')] };
  }
  const wish = { reason: null, now, isReview: true, newId: deps.newId };
  const goes =
    input.decision === 'APPROVE' &&
    isApproved &&
    facts.policy.autoApply &&
    decide(actor, facts, wish).blockers.length === 0;
  if (!goes) return { answer: id, events: [told('OPEN')] };
  const { events } = await promote(tx, actor, [facts], wish);
  return { answer: id, events: [told('APPLIED'), ...events] };
}
