import { can } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { tally } from '../domain/approval.ts';
import type { Judgement, Tally } from '../domain/approval.ts';
import type { NewEvent } from '../domain/event.ts';
import { isPromoter } from '../domain/policy.ts';
import { stackAfterPromotion } from '../domain/promotion.ts';
import { PromotionBlocked, promotionBlockers } from '../domain/promotion-blockers.ts';
import type { Blocker } from '../domain/promotion-blockers.ts';
import { moveChannels } from './move-channels.ts';
import type { Move } from './move-channels.ts';
import type { PromotionFacts } from './promotion-facts.ts';
import type { OpenRequest, Standing } from './promotion-standing.ts';
import type { Tx } from './transaction.ts';

/** Whether a promotion goes through, and on which request it stands. */
export interface Decision {
  readonly blockers: readonly Blocker[];
  /** The approved request that the promotion applies; null: it needs none. */
  readonly requestId: string | null;
  readonly reason: string | null;
}

export interface Wish {
  readonly reason: string | null;
  readonly now: Date;
  /** By completing the approvals: who may review may do that, where the policy asks for no higher role. */
  readonly isReview?: boolean;
}

/** What the reviews of a request come to. */
export function tallyOf(
  { version, policy }: Pick<Standing, 'version' | 'policy'>,
  request: Pick<OpenRequest, 'requesterId' | 'servingVersionId'>,
  reviews: readonly Judgement[],
): Tally {
  const { contentHash, authorId } = version;
  const { requesterId, servingVersionId } = request;
  return tally(reviews, { contentHash, servingVersionId, requesterId, authorId }, policy);
}

/** Judges one promotion on what was locked. */
export function decide(actor: Actor, facts: PromotionFacts, { reason, now, isReview }: Wish): Decision {
  const { prompt, channel, position, policy, request, soakedSince } = facts;
  const target = { slug: prompt.slug, channel: channel.name };
  const counted = request === null ? null : tallyOf(facts, request, request.reviews);
  const isOnRequest = counted !== null && (policy.approvals > 0 || counted.isApproved);
  const given = reason ?? (isOnRequest ? (request?.reason ?? null) : null);
  const blockers = promotionBlockers({
    ...target,
    policy,
    isPermitted: isReview === true || can(actor, 'channels:promote', target),
    isPromoter: isPromoter(actor, policy, target),
    isArchived: prompt.archived,
    hasMoved: isOnRequest && request?.servingVersionId !== (position.serving?.id ?? null),
    reason: given,
    tally: isOnRequest ? counted : null,
    soakedSince,
    gate: 'NONE',
    now,
  });
  return { blockers, requestId: isOnRequest ? (request?.id ?? null) : null, reason: given };
}

export interface PromotionWish extends Wish {
  readonly newId: () => string;
  /** Over what blocks, in an emergency; the permission for it is the caller's matter. */
  readonly breakGlass?: boolean;
}

/**
 * Judges the promotions and writes them, all or none.
 * @returns their ids in the order of the facts, and the events that the caller hands to its transaction. @throws PromotionBlocked
 */
export async function promote(
  tx: Tx,
  actor: Actor,
  facts: readonly PromotionFacts[],
  wish: PromotionWish,
): Promise<{ readonly ids: readonly string[]; readonly events: NewEvent[] }> {
  const decisions = facts.map((fact) => ({ fact, decision: decide(actor, fact, wish) }));
  const blockers = decisions.flatMap(({ decision }) => decision.blockers);
  if (blockers.length > 0 && wish.breakGlass !== true) throw new PromotionBlocked(blockers);
  const moves = decisions.map(({ fact, decision }) =>
    moveOf(fact, wish.newId(), wish.breakGlass === true ? { ...decision, requestId: null } : decision),
  );
  const broken = wish.breakGlass === true ? moves.map((move) => breakGlassEvent(move, blockers)) : [];
  const told = await moveChannels(
    tx,
    actor,
    wish.now,
    moves.map((move) => (wish.breakGlass === true ? { ...move, breakGlass: true } : move)),
  );
  return { ids: moves.map(({ promotionId }) => promotionId), events: [...broken, ...told] };
}

function moveOf(facts: PromotionFacts, promotionId: string, { requestId, reason }: Decision): Move {
  const { prompt, channel, position, version } = facts;
  return {
    promotionId,
    kind: 'PROMOTION',
    prompt,
    ordinal: prompt.lastOrdinal + 1,
    channel,
    version,
    previous: position.serving,
    stack: stackAfterPromotion(promotionId, position),
    reason,
    requestId,
  };
}

/** Beside the move's own event, which subscribers read: whoever looks through the trail must not miss it. */
function breakGlassEvent(
  { prompt, channel, version, reason, promotionId }: Move,
  overridden: readonly Blocker[],
): NewEvent {
  const blockers = overridden
    .filter(({ slug }) => slug === prompt.slug)
    .map(({ code, message }) => ({ code, message }));
  const facts = { slug: prompt.slug, channel: channel.name, version: version?.number ?? null };
  return {
    payload: { type: 'BreakGlassUsed', ...facts, promotionId, reason: reason ?? '', blockers },
    promptId: prompt.id,
  };
}
