import { can } from './actor.ts';
import type { Actor } from './actor.ts';
import { tally } from './approval.ts';
import type { Judgement, Tally } from './approval.ts';
import { isPromoter } from './policy.ts';
import type { Policy } from './policy.ts';
import { promotionBlockers } from './promotion-blockers.ts';
import type { Blocker } from './promotion-blockers.ts';

interface JudgedVersion {
  readonly contentHash: string;
  readonly authorId: string;
}

interface JudgedRequest {
  readonly requesterId: string;
  readonly servingVersionId: string | null;
  readonly reason: string | null;
  readonly reviews: readonly Judgement[];
}

/** What stands between a version and a channel. */
export interface PromotionCase {
  readonly slug: string;
  readonly channel: string;
  readonly isArchived: boolean;
  readonly policy: Policy;
  readonly version: JudgedVersion;
  /** The open request for exactly this version; null: there is none. */
  readonly request: JudgedRequest | null;
  /** What the channel serves now; null: nothing. */
  readonly servingVersionId: string | null;
  readonly soakedSince: Date | null;
}

export interface PromotionWish {
  /** Null: none of its own; that of the request counts, if it is promoted on one. */
  readonly reason: string | null;
  readonly now: Date;
  /** By completing the approvals: who may review may do that, where the policy asks for no higher role. */
  readonly isReview?: boolean | undefined;
}

export interface PromotionJudgement {
  readonly blockers: readonly Blocker[];
  /** Whether it applies the open request: where the policy demands approvals, or where it has them all the same. */
  readonly isOnRequest: boolean;
  readonly reason: string | null;
}

/** What the reviews of a request come to. */
export function tallyOf(
  { version, policy }: Pick<PromotionCase, 'version' | 'policy'>,
  { requesterId, servingVersionId }: Pick<JudgedRequest, 'requesterId' | 'servingVersionId'>,
  reviews: readonly Judgement[],
): Tally {
  const { contentHash, authorId } = version;
  return tally(reviews, { contentHash, servingVersionId, requesterId, authorId }, policy);
}

/** The one judgement of a promotion: of who does it, and of who asks what would become of it. */
export function judgePromotion(
  actor: Actor,
  judged: PromotionCase,
  { reason, now, isReview }: PromotionWish,
): PromotionJudgement {
  const { slug, channel, isArchived, policy, request, servingVersionId, soakedSince } = judged;
  const target = { slug, channel };
  const counted = request === null ? null : tallyOf(judged, request, request.reviews);
  const isOnRequest = counted !== null && (policy.approvals > 0 || counted.isApproved);
  const given = reason ?? (isOnRequest ? (request?.reason ?? null) : null);
  const blockers = promotionBlockers({
    ...target,
    policy,
    isPermitted: isReview === true || can(actor, 'channels:promote', target),
    isPromoter: isPromoter(actor, policy, target),
    isArchived,
    hasMoved: isOnRequest && request?.servingVersionId !== servingVersionId,
    reason: given,
    tally: isOnRequest ? counted : null,
    soakedSince,
    gate: 'NONE',
    now,
  });
  return { blockers, isOnRequest, reason: given };
}
