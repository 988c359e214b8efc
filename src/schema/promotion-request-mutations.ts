import { AlreadyRequested, RequestClosed } from '../domain/approval.ts';
import { ChannelNotFound, ChannelReserved } from '../domain/channel.ts';
import { Forbidden, IdempotencyConflict, InvalidInput, NotFound, Unavailable } from '../domain/errors.ts';
import { PromptArchived } from '../domain/prompt.ts';
import { VersionNotFound } from '../domain/version.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { ownId, refusals } from './mutation.ts';
import { decodeNodeId } from './node-id.ts';
import { ReviewDecision } from './scalars.ts';

const IDEMPOTENCY_KEY = 'Same key, same answer for 24 hours, also after an unknown outcome.';
const REQUEST_ID = 'Global id of the request.';

const RequestPromotionInput = builder.inputType('RequestPromotionInput', {
  description: 'Which version a channel shall serve, when reviewers agree.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Of which prompt.' }),
    version: t.int({ required: true, description: 'Its number.' }),
    channel: t.string({ defaultValue: 'stable', description: 'Which channel; not `latest`.' }),
    reason: t.string({
      description: 'Why; at most 2,000 characters. It becomes the reason of the promotion.',
    }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const ReviewPromotionInput = builder.inputType('ReviewPromotionInput', {
  description: 'A judgement of a request. The newest of each reviewer counts.',
  fields: (t) => ({
    request: t.id({ required: true, description: REQUEST_ID }),
    decision: t.field({ type: ReviewDecision, required: true, description: 'What you say.' }),
    comment: t.string({ description: 'Why; at most 2,000 characters.' }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const CancelPromotionRequestInput = builder.inputType('CancelPromotionRequestInput', {
  description: 'A request to take back.',
  fields: (t) => ({
    request: t.id({ required: true, description: REQUEST_ID }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const REFUSALS = [NotFound, RequestClosed, InvalidInput, IdempotencyConflict, Forbidden, Unavailable];

builder.mutationFields((t) => ({
  requestPromotion: t.prismaField({
    type: 'PromotionRequest',
    description:
      'Asks for a promotion of exactly this content, against what the channel serves now. At most one is open for a version and channel, at most 1,000 in a workspace. Needs `promotions:request`.',
    errors: refusals('RequestPromotionResult', 'The open request, or why there is none.', [
      AlreadyRequested,
      NotFound,
      VersionNotFound,
      ChannelNotFound,
      ChannelReserved,
      PromptArchived,
      InvalidInput,
      IdempotencyConflict,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: RequestPromotionInput, required: true, description: 'What to ask for.' }) },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.requestPromotion(context.actor, input);
      return readRequest(context, query, id);
    },
  }),
  reviewPromotion: t.prismaField({
    type: 'PromotionRequest',
    description:
      'Judges a request. The approval that meets the policy moves the channel in the same commit, unless the policy leaves that to promoteVersion. Needs `promotions:review`.',
    errors: refusals('ReviewPromotionResult', 'The request after the review, or why it was not judged.', [
      ...REFUSALS,
      PromptArchived,
    ]),
    args: { input: t.arg({ type: ReviewPromotionInput, required: true, description: 'The judgement.' }) },
    resolve: async (query, _root, { input }, context) => {
      const { request, ...judgement } = input;
      const requestId = idOf(request);
      const id = await context.app.reviewPromotion(context.actor, { ...judgement, requestId });
      return readRequest(context, query, id);
    },
  }),
  cancelPromotionRequest: t.prismaField({
    type: 'PromotionRequest',
    description: 'Takes a request back: its author may, and whoever has `channels:manage`.',
    errors: refusals('CancelPromotionRequestResult', 'The closed request, or why it stays open.', REFUSALS),
    args: { input: t.arg({ type: CancelPromotionRequestInput, required: true, description: 'Which one.' }) },
    resolve: async (query, _root, { input }, context) => {
      const { request, idempotencyKey } = input;
      const requestId = idOf(request);
      const id = await context.app.cancelPromotionRequest(context.actor, { requestId, idempotencyKey });
      return readRequest(context, query, id);
    },
  }),
}));

/** What is no id of a request is looked up as one that no request has. */
function idOf(globalId: string): string {
  const { typename, id } = decodeNodeId(globalId);
  return typename === 'PromotionRequest' ? id : '00000000-0000-0000-0000-000000000000';
}

function readRequest(context: Context, query: object, id: string) {
  return context.readBack(() =>
    context.reader.promotionRequest.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
  );
}
