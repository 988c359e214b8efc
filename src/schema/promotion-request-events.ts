import { promptsWithin } from '../domain/actor.ts';
import { parseRequestTopic } from '../domain/channel-topic.ts';
import type { Frame, RequestFrame } from '../realtime/frames.ts';
import { builder } from './builder.ts';
import { ownId } from './mutation.ts';

const RequestChange = builder.enumType('PromotionRequestChange', {
  description: 'What happened to a request.',
  values: {
    REQUESTED: { description: 'Somebody asks.' },
    REVIEWED: {
      description: 'Somebody judged it; it is still open, or its promotion follows in the same commit.',
    },
    APPLIED: { description: 'The channel moved.' },
    REJECTED: { description: 'A review closed it.' },
    SUPERSEDED: { description: 'The channel moved otherwise.' },
    EXPIRED: { description: 'Nobody answered in time.' },
    CANCELLED: { description: 'It was taken back, or its prompt archived.' },
  } as const,
});

const PromotionRequestChanged = builder.objectRef<RequestFrame>('PromotionRequestChanged').implement({
  description: 'Something happened to a request, told once it is committed, in the order of commits.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description:
        'The place of its commit in the feed; with more of the same commit to come, the place before it.',
    }),
    change: t.expose('change', { type: RequestChange, description: 'What happened.' }),
    request: t.prismaField({
      type: 'PromotionRequest',
      description: 'The request, as it is when this is rendered.',
      resolve: (query, { requestId }, _args, context) =>
        context.reader.promotionRequest.findUniqueOrThrow({ ...query, where: ownId(context, requestId) }),
    }),
  }),
});

builder.subscriptionField('promotionRequests', (t) =>
  t.field({
    type: PromotionRequestChanged,
    skipTypeScopes: true,
    authScopes: { scope: 'registry:read' },
    description:
      'What is asked for and what becomes of it, as it happens, from now on. After an interruption ask for `promotionRequests` first. Slow readers hear everything, later, and are cut when they stop reading.',
    args: {
      channel: t.arg.string({ description: 'Only for this channel; null: for all.' }),
      prompts: t.arg.stringList({
        description: 'Slugs, or folders as `support/*`, at most 100; null: every prompt that may be read.',
      }),
    },
    subscribe: (_root, { channel, prompts }, context) =>
      context.follow({
        topic: parseRequestTopic(channel, prompts, promptsWithin(context.actor, 'registry:read')),
        mode: 'ALL',
        bookmarks: false,
        after: null,
        snapshot: false,
        instance: null,
      }),
    resolve: (frame: Frame) => {
      if (frame.type !== 'PromotionRequestChanged')
        throw new Error(`a follower of requests was told ${frame.type}`);
      return frame;
    },
  }),
);
