import type { Tally } from './approval.ts';
import { Refusal } from './errors.ts';
import type { Policy } from './policy.ts';

export const BLOCKER_CODES = [
  'NOT_PERMITTED',
  'NOT_PROMOTER',
  'PROMPT_ARCHIVED',
  'CHANNEL_MOVED',
  'APPROVALS_MISSING',
  'REJECTED',
  'REASON_REQUIRED',
  'SOAK_TIME',
  'GATE_NOT_PASSED',
] as const;
export type BlockerCode = (typeof BLOCKER_CODES)[number];

/** One reason why a channel does not move, with the facts of its kind. */
export interface Blocker {
  readonly code: BlockerCode;
  readonly message: string;
  readonly slug: string;
  /** APPROVALS_MISSING: approvals that count. REJECTED: rejections. */
  readonly have: number | null;
  readonly need: number | null;
  /** SOAK_TIME: when it will have been long enough; null: the other channel does not serve the version. */
  readonly until: Date | null;
  /** SOAK_TIME: the other channel. */
  readonly channel: string | null;
}

export class PromotionBlocked extends Refusal {
  readonly code = 'PROMOTION_BLOCKED';
  readonly blockers: readonly Blocker[];

  constructor(blockers: readonly Blocker[]) {
    super(blockers.map(({ message }) => message).join('; '));
    this.blockers = blockers;
  }
}

/** What a promotion is decided on. */
export interface PromotionQuestion {
  readonly slug: string;
  readonly channel: string;
  readonly policy: Policy;
  /** Whether the actor has the scope for it, and one of the roles that the policy demands of who promotes. */
  readonly isPermitted: boolean;
  readonly isPromoter: boolean;
  readonly isArchived: boolean;
  /** Whether the channel serves something else than when the promotion was asked for. */
  readonly hasMoved: boolean;
  readonly reason: string | null;
  /** Of the open request for exactly this version; null: there is none. */
  readonly tally: Tally | null;
  /** Since when the policy's other channel has served the version without a break; null: it does not. */
  readonly soakedSince: Date | null;
  /** Gates by evaluation do not exist yet: always NONE. */
  readonly gate: 'NONE' | 'NOT_PASSED';
  readonly now: Date;
}

/** All reasons at once why the channel would not move; none: it moves. */
export function promotionBlockers(question: PromotionQuestion): Blocker[] {
  const { slug, channel, policy, tally } = question;
  const target = `${slug} on channel "${channel}"`;
  const found: (Blocker | null)[] = [
    when(!question.isPermitted, slug, 'NOT_PERMITTED', `this credential may not promote ${target}`),
    when(
      question.isPermitted && !question.isPromoter,
      slug,
      'NOT_PROMOTER',
      `${target} is promoted by an ${policy.promoterRole} only`,
    ),
    when(question.isArchived, slug, 'PROMPT_ARCHIVED', `${slug} is archived: restore it first`),
    when(
      question.hasMoved,
      slug,
      'CHANNEL_MOVED',
      `channel "${channel}" serves something else of ${slug} than when the promotion was asked for`,
    ),
    approvalsBlocker(question),
    tally?.isRejected
      ? blocker(slug, 'REJECTED', `${target} was rejected by ${people(tally.rejections)}`, {
          have: tally.rejections,
        })
      : null,
    when(
      policy.reasonRequired && question.reason === null,
      slug,
      'REASON_REQUIRED',
      `a promotion of ${target} needs a reason`,
    ),
    soakBlocker(question),
    when(question.gate === 'NOT_PASSED', slug, 'GATE_NOT_PASSED', `${target} has not passed its evaluation`),
  ];
  return found.filter((one) => one !== null);
}

function approvalsBlocker({ slug, channel, policy, tally }: PromotionQuestion): Blocker | null {
  const have = tally?.approvals ?? 0;
  const need = policy.approvals;
  if (have >= need) return null;
  const how = tally === null ? ': ask with requestPromotion' : '';
  const message = `${slug} on channel "${channel}" has ${have} of ${need} approvals${how}`;
  return blocker(slug, 'APPROVALS_MISSING', message, { have, need });
}

function soakBlocker({ slug, policy: { soak }, soakedSince, now }: PromotionQuestion): Blocker | null {
  if (soak === null) return null;
  const { channel, minutes } = soak;
  const demanded = `${slug} must have been on channel "${channel}" for ${minutes} minutes`;
  if (soakedSince === null)
    return blocker(slug, 'SOAK_TIME', `${demanded}, which does not serve this version`, { channel });
  const until = new Date(soakedSince.getTime() + minutes * 60_000);
  if (until <= now) return null;
  return blocker(slug, 'SOAK_TIME', `${demanded}: until ${until.toISOString()}`, { channel, until });
}

function when(applies: boolean, slug: string, code: BlockerCode, message: string): Blocker | null {
  return applies ? blocker(slug, code, message) : null;
}

function blocker(slug: string, code: BlockerCode, message: string, facts: Partial<Blocker> = {}): Blocker {
  return { code, message, slug, have: null, need: null, until: null, channel: null, ...facts };
}

function people(count: number): string {
  return count === 1 ? 'one reviewer' : `${count} reviewers`;
}
