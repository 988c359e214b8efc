import { can } from '../domain/actor.ts';
import { tally } from '../domain/approval.ts';
import type { RequestStatus } from '../domain/approval.ts';
import { isPromoter } from '../domain/policy.ts';
import { promotionBlockers } from '../domain/promotion-blockers.ts';
import type { Blocker, PromotionQuestion } from '../domain/promotion-blockers.ts';
import type { Context } from './context.ts';

interface AskedFor {
  readonly id: string;
  readonly status: RequestStatus;
  readonly promptId: string;
  readonly channelId: string;
  readonly contentHash: string;
  readonly servingVersionId: string | null;
  readonly requesterId: string;
  readonly version: { readonly number: number };
}

type Place = Pick<PromotionQuestion, 'slug' | 'channel' | 'isArchived' | 'hasMoved'>;

/** How far a request has come, and what is between it and its channel for whoever asks. */
export async function standingOf({ loaders, actor }: Context, request: AskedFor) {
  const { promptId, channelId, version } = request;
  const [standing, reviews] = await Promise.all([
    loaders.standing.load({ promptId, channelId, number: version.number }),
    loaders.judgements.load(request.id),
  ]);
  if (standing === null) throw new Error('a request for a version that does not exist');
  const { policy, soakedSince } = standing;
  const counted = tally(reviews, { ...request, authorId: standing.version.authorId }, policy);
  const isOpen = standing.request?.id === request.id;
  const blockers = (place: Place): Blocker[] =>
    promotionBlockers({
      ...place,
      policy,
      isPermitted: can(actor, 'channels:promote', place),
      isPromoter: isPromoter(actor, policy, place),
      reason: standing.request?.reason ?? null,
      tally: isOpen ? counted : null,
      soakedSince,
      gate: 'NONE',
      now: new Date(),
    });
  return { tally: counted, blockers };
}
