import { expect, it } from 'vitest';
import type { Judgement } from '../../src/domain/approval.ts';
import { DEFAULT_POLICY } from '../../src/domain/policy.ts';
import { judgePromotion } from '../../src/domain/promotion-judgement.ts';
import { actorWith } from '../support/actors.ts';

const NOW = new Date('2026-11-01T00:00:00Z');
const ACTOR = actorWith({ workspaceId: 'home', name: 'rene', role: 'RELEASER' });
const APPROVED: Judgement = {
  ordinal: 1,
  reviewerId: 'rita',
  decision: 'APPROVE',
  contentHash: 'h',
  servingVersionId: 'old',
};

interface Row {
  readonly approvals: number;
  readonly reviews: readonly Judgement[] | null;
  readonly serving?: string;
  readonly reason?: string;
}

function judged({ approvals, reviews, serving = 'old', reason }: Row) {
  const request = reviews && {
    requesterId: 'emil',
    servingVersionId: 'old',
    reason: 'asked',
    reviews,
  };
  const { blockers, ...rest } = judgePromotion(
    ACTOR,
    {
      slug: 'a',
      channel: 'stable',
      isArchived: false,
      policy: { ...DEFAULT_POLICY, approvals, reasonRequired: true },
      version: { contentHash: 'h', authorId: 'emil' },
      request,
      servingVersionId: serving,
      soakedSince: null,
    },
    { reason: reason ?? null, now: NOW },
  );
  return [rest.isOnRequest, rest.reason, blockers.map(({ code }) => code)];
}

it.each<[string, Row, ReturnType<typeof judged>]>([
  ['nobody asked', { approvals: 0, reviews: null }, [false, null, ['REASON_REQUIRED']]],
  ['a request that none is needed of', { approvals: 0, reviews: [] }, [false, null, ['REASON_REQUIRED']]],
  ['its own reason', { approvals: 0, reviews: [], reason: 'own' }, [false, 'own', []]],
  ['a request that is approved all the same', { approvals: 0, reviews: [APPROVED] }, [true, 'asked', []]],
  [
    'an old request that none is needed of',
    { approvals: 0, reviews: [], serving: 'new', reason: 'own' },
    [false, 'own', []],
  ],
  ['approvals that are missing', { approvals: 1, reviews: [] }, [true, 'asked', ['APPROVALS_MISSING']]],
  ['the approval that is needed', { approvals: 1, reviews: [APPROVED] }, [true, 'asked', []]],
  [
    'a channel that has moved',
    { approvals: 1, reviews: [APPROVED], serving: 'new' },
    [true, 'asked', ['CHANNEL_MOVED']],
  ],
])('a promotion with %s is judged the same for who does it and who asks', (_name, row, expected) => {
  expect(judged(row)).toEqual(expected);
});
