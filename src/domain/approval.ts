import { Refusal } from './errors.ts';
import type { Policy } from './policy.ts';
import { optionalText } from './text.ts';

export const REQUESTS_OPEN_MAX = 1_000;
export const REVIEWS_MAX = 100;
const COMMENT_LENGTH_MAX = 2_000;

/** A request is born OPEN and closes once, for good. */
export type RequestStatus = 'OPEN' | 'APPLIED' | 'REJECTED' | 'SUPERSEDED' | 'EXPIRED' | 'CANCELLED';
export type ReviewDecision = 'APPROVE' | 'REJECT';

export class RequestClosed extends Refusal {
  readonly code = 'REQUEST_CLOSED';
  readonly requestId: string;
  readonly status: RequestStatus;

  constructor(requestId: string, status: RequestStatus) {
    super(`the request is ${status}: ask again with requestPromotion`);
    this.requestId = requestId;
    this.status = status;
  }
}

export class AlreadyRequested extends Refusal {
  readonly code = 'ALREADY_REQUESTED';
  readonly requestId: string;

  constructor(requestId: string, what: string) {
    super(`${what} is asked for already: review that request, or cancel it`);
    this.requestId = requestId;
  }
}

/** What a review says, and what it was of: the content, and what the channel served then. */
export interface Judgement {
  readonly ordinal: number;
  readonly reviewerId: string;
  readonly decision: ReviewDecision;
  readonly contentHash: string;
  readonly servingVersionId: string | null;
}

/** What would be released, and in whose name. */
export interface Released {
  readonly contentHash: string;
  readonly servingVersionId: string | null;
  readonly requesterId: string;
  readonly authorId: string;
}

export interface Tally {
  /** Approvals that count. */
  readonly approvals: number;
  readonly rejections: number;
  readonly needed: number;
  readonly isRejected: boolean;
  readonly isApproved: boolean;
}

/** The newest review of each reviewer counts, if it judged exactly what would be released; a rejection counts whatever it judged. */
export function tally(
  reviews: readonly Judgement[],
  released: Released,
  policy: Pick<Policy, 'approvals' | 'selfApproval' | 'rejectionBlocks'>,
): Tally {
  const newest = new Map<string, Judgement>();
  for (const review of reviews.toSorted((one, other) => one.ordinal - other.ordinal))
    newest.set(review.reviewerId, review);
  const all = [...newest.values()];
  const approvals = all.filter((review) => isApproval(review, released, policy.selfApproval)).length;
  const rejections = all.filter(({ decision }) => decision === 'REJECT').length;
  const isRejected = policy.rejectionBlocks && rejections > 0;
  // A request that nobody approves would be a promotion without the right to promote.
  const needed = Math.max(1, policy.approvals);
  return { approvals, rejections, needed, isRejected, isApproved: approvals >= needed && !isRejected };
}

function isApproval(review: Judgement, released: Released, selfApproval: boolean): boolean {
  const { decision, reviewerId, contentHash, servingVersionId } = review;
  const isOther = reviewerId !== released.requesterId && reviewerId !== released.authorId;
  return (
    decision === 'APPROVE' &&
    contentHash === released.contentHash &&
    servingVersionId === released.servingVersionId &&
    (selfApproval || isOther)
  );
}

export function requireComment(comment: string | null | undefined): string | null {
  return optionalText('comment', comment, COMMENT_LENGTH_MAX);
}
