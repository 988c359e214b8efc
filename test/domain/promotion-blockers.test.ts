import { describe, expect, it } from 'vitest';
import { tally } from '../../src/domain/approval.ts';
import type { Judgement } from '../../src/domain/approval.ts';
import { DEFAULT_POLICY } from '../../src/domain/policy.ts';
import { BLOCKER_CODES, promotionBlockers } from '../../src/domain/promotion-blockers.ts';
import type { BlockerCode, PromotionQuestion } from '../../src/domain/promotion-blockers.ts';

const NOW = new Date('2026-11-24T12:00:00Z');
const OPEN: PromotionQuestion = {
  slug: 'support/a',
  channel: 'stable',
  policy: DEFAULT_POLICY,
  isPermitted: true,
  isPromoter: true,
  isArchived: false,
  hasMoved: false,
  reason: null,
  tally: null,
  soakedSince: null,
  gate: 'NONE',
  now: NOW,
};

const released = { contentHash: 'h', servingVersionId: 's', requesterId: 'asker', authorId: 'author' };
const review = (reviewerId: string, facts: Partial<Judgement> = {}): Judgement => ({
  ordinal: 1,
  reviewerId,
  decision: 'APPROVE',
  contentHash: 'h',
  servingVersionId: 's',
  ...facts,
});
const counted = (reviews: readonly Judgement[], policy: Partial<typeof DEFAULT_POLICY> = {}) =>
  tally(reviews, released, { ...DEFAULT_POLICY, approvals: 2, ...policy });

/** What makes each kind of blocker appear, alone. */
const CAUSES: Readonly<
  Record<Exclude<BlockerCode, 'NOT_PROMOTER' | 'REJECTED'>, Partial<PromotionQuestion>>
> = {
  NOT_PERMITTED: { isPermitted: false },
  PROMPT_ARCHIVED: { isArchived: true },
  CHANNEL_MOVED: { hasMoved: true },
  APPROVALS_MISSING: { policy: { ...DEFAULT_POLICY, approvals: 1 } },
  REASON_REQUIRED: { policy: { ...DEFAULT_POLICY, reasonRequired: true } },
  SOAK_TIME: { policy: { ...DEFAULT_POLICY, soak: { channel: 'canary', minutes: 60 } } },
  GATE_NOT_PASSED: { gate: 'NOT_PASSED' },
};
const codes = (question: PromotionQuestion) => promotionBlockers(question).map(({ code }) => code);

describe('what blocks a promotion', () => {
  it('is nothing where nothing is demanded', () => {
    expect(promotionBlockers(OPEN)).toEqual([]);
  });

  it('is, for every combination of causes, exactly these, in a fixed order', () => {
    const names = Object.keys(CAUSES) as (keyof typeof CAUSES)[];
    for (let mask = 0; mask < 2 ** names.length; mask += 1) {
      const chosen = names.filter((_, index) => (mask & (1 << index)) !== 0);
      const causes = chosen.map((name) => CAUSES[name]);
      const policy = Object.assign(
        {},
        DEFAULT_POLICY,
        ...causes.map((cause) => differences(cause.policy)),
      ) as typeof DEFAULT_POLICY;
      const question = { ...OPEN, ...Object.assign({}, ...causes), policy } as PromotionQuestion;
      expect(codes(question)).toEqual(BLOCKER_CODES.filter((code) => chosen.some((name) => name === code)));
    }
  });

  function differences(policy: Partial<typeof DEFAULT_POLICY> = {}) {
    const entries = Object.entries(policy) as [keyof typeof DEFAULT_POLICY, unknown][];
    return Object.fromEntries(entries.filter(([name, value]) => value !== DEFAULT_POLICY[name]));
  }

  it('says who lacks the role only of who has the scope', () => {
    expect(codes({ ...OPEN, isPromoter: false })).toEqual(['NOT_PROMOTER']);
    expect(codes({ ...OPEN, isPromoter: false, isPermitted: false })).toEqual(['NOT_PERMITTED']);
  });

  it('counts approvals and rejections, and until when it must wait', () => {
    const policy = { ...DEFAULT_POLICY, approvals: 2, soak: { channel: 'canary', minutes: 60 } };
    const rejected = counted([review('one'), review('other', { decision: 'REJECT' })]);
    const found = promotionBlockers({
      ...OPEN,
      policy,
      tally: rejected,
      soakedSince: new Date('2026-11-24T11:30:00Z'),
    });
    expect(found).toMatchObject([
      { code: 'APPROVALS_MISSING', have: 1, need: 2 },
      { code: 'REJECTED', have: 1 },
      { code: 'SOAK_TIME', channel: 'canary', until: new Date('2026-11-24T12:30:00Z') },
    ]);
    const soaked = { ...policy, approvals: 0 };
    expect(codes({ ...OPEN, policy: soaked, soakedSince: new Date('2026-11-24T11:00:00Z') })).toEqual([]);
    expect(codes({ ...OPEN, policy: soaked, soakedSince: new Date('2026-11-24T11:00:01Z') })).toEqual([
      'SOAK_TIME',
    ]);
  });
});

describe('the tally of reviews', () => {
  it.each<[string, readonly Judgement[], number]>([
    ['none', [], 0],
    ['one', [review('one')], 1],
    ['two of one reviewer', [review('one'), review('one', { ordinal: 2 })], 1],
    ['one that became a rejection', [review('one'), review('one', { ordinal: 2, decision: 'REJECT' })], 0],
    [
      'one that is told out of order',
      [review('one', { ordinal: 2 }), review('one', { decision: 'REJECT' })],
      1,
    ],
    ['of who asked', [review('asker'), review('one')], 1],
    ['of the author', [review('author'), review('one')], 1],
    ['of other content', [review('one', { contentHash: 'x' })], 0],
    ['against another version', [review('one', { servingVersionId: null })], 0],
  ])('counts %s', (_name, reviews, approvals) => {
    expect(counted(reviews).approvals).toBe(approvals);
  });

  it('counts everybody where the policy allows it, and lets rejections block only where it says so', () => {
    expect(counted([review('asker'), review('author')], { selfApproval: true })).toMatchObject({
      approvals: 2,
      isApproved: true,
    });
    const disputed = [review('one'), review('other'), review('third', { decision: 'REJECT' })];
    expect(counted(disputed)).toMatchObject({ isApproved: false, isRejected: true });
    expect(counted(disputed, { rejectionBlocks: false })).toMatchObject({
      isApproved: true,
      isRejected: false,
    });
  });

  it('needs one approval where the policy demands none', () => {
    expect(counted([], { approvals: 0 })).toMatchObject({ needed: 1, isApproved: false });
    expect(counted([review('one')], { approvals: 0 })).toMatchObject({ needed: 1, isApproved: true });
  });
});
