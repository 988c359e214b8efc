import { PromotionBlocked } from '../domain/promotion-blockers.ts';
import type { BlockerCode } from '../domain/promotion-blockers.ts';
import { builder } from './builder.ts';
import { ErrorInterface } from './errors.ts';

const BlockerCodeRef = builder.enumType('PromotionBlockerCode', {
  description: 'Why a channel does not move.',
  values: {
    NOT_PERMITTED: { description: 'The credential lacks `channels:promote` there.' },
    NOT_PROMOTER: { description: 'The policy demands a higher role of who promotes.' },
    PROMPT_ARCHIVED: { description: 'The prompt is retired.' },
    CHANNEL_MOVED: {
      description: 'The channel serves something else than when the promotion was asked for.',
    },
    APPROVALS_MISSING: { description: 'Fewer approvals count than the policy demands: `have` of `need`.' },
    REJECTED: { description: 'A reviewer rejected it, and the policy lets one rejection block.' },
    REASON_REQUIRED: { description: 'The policy demands a reason: give one with the promotion.' },
    SOAK_TIME: {
      description: 'Another channel has not served the version for long enough: `channel`, `until`.',
    },
    GATE_NOT_PASSED: { description: 'Reserved for gates by evaluation, which do not exist yet.' },
  } as const satisfies Record<BlockerCode, object>,
});

builder.objectType('PromotionBlocker', {
  description: 'One reason why a channel does not move; all of them are told at once.',
  fields: (t) => ({
    code: t.expose('code', { type: BlockerCodeRef, description: 'Which kind of reason.' }),
    message: t.exposeString('message', { description: 'The reason, for people; may change.' }),
    slug: t.exposeString('slug', { description: 'The prompt that it is about.' }),
    have: t.exposeInt('have', {
      nullable: true,
      description: 'APPROVALS_MISSING: approvals that count. REJECTED: rejections.',
    }),
    need: t.exposeInt('need', { nullable: true, description: 'APPROVALS_MISSING: how many are demanded.' }),
    until: t.expose('until', {
      type: 'DateTime',
      nullable: true,
      description:
        'SOAK_TIME: when it will have been long enough; null: the other channel serves another version.',
    }),
    channel: t.exposeString('channel', {
      nullable: true,
      description: 'SOAK_TIME: the name of the other channel.',
    }),
  }),
});

builder.objectType(PromotionBlocked, {
  name: 'PromotionBlocked',
  description: 'The policy of the channel is not met. Nothing was changed.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => value instanceof PromotionBlocked,
  fields: (t) => ({
    blockers: t.field({
      type: ['PromotionBlocker'],
      description: 'Every reason, of every prompt that was to be promoted.',
      resolve: ({ blockers }) => [...blockers],
    }),
  }),
});
