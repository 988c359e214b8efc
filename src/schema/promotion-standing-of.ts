import { tally } from '../domain/approval.ts';
import type { RequestStatus } from '../domain/approval.ts';
import type { Blocker } from '../domain/promotion-blockers.ts';
import { judgePromotion } from '../domain/promotion-judgement.ts';
import type { PromotionCase } from '../domain/promotion-judgement.ts';
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

type Place = Pick<PromotionCase, 'slug' | 'channel' | 'isArchived'>;

/** How far a request has come, and what is between it and its channel for whoever asks. */
export async function standingOf({ loaders, actor }: Context, request: AskedFor) {
  const { promptId, channelId, version } = request;
  const [standing, reviews] = await Promise.all([
    loaders.standing.load({ promptId, channelId, number: version.number }),
    loaders.judgements.load(request.id),
  ]);
  if (standing === null) throw new Error('a request for a version that does not exist');
  const counted = tally(reviews, { ...request, authorId: standing.version.authorId }, standing.policy);
  // What the channel serves is what it served then: a move of the channel closes its requests in the same commit.
  const { servingVersionId } = request;
  const open = standing.request?.id === request.id ? { ...standing.request, reviews } : null;
  const blockers = (place: Place): readonly Blocker[] =>
    judgePromotion(
      actor,
      { ...place, ...standing, request: open, servingVersionId },
      { reason: null, now: new Date() },
    ).blockers;
  return { tally: counted, blockers };
}
