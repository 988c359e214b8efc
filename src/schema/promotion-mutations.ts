import { ChannelNotFound, ChannelReserved } from '../domain/channel.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';
import { Forbidden, IdempotencyConflict, InvalidInput, NotFound, Unavailable } from '../domain/errors.ts';
import { ChannelMoved, NothingToRollBack } from '../domain/promotion.ts';
import { PromotionBlocked } from '../domain/promotion-blockers.ts';
import { PromptArchived } from '../domain/prompt.ts';
import { requireWaitMs } from '../domain/rollout.ts';
import { VersionNotFound } from '../domain/version.ts';
import { builder } from './builder.ts';
import { ownId, refusals } from './mutation.ts';

const IDEMPOTENCY_KEY = 'Same key, same answer for 24 hours, also after an unknown outcome.';
const EXPECTED = 'What you believe the channel serves (0: nothing); otherwise ChannelMoved, nothing changed.';
const REASON = 'Why; at most 2,000 characters.';
const WAIT =
  'Answer when all subscribers that say what they have applied have applied this, or after so many milliseconds, 0 to 15,000 in one request; `rollout` tells how far it came. What is committed stands in any case.';
const PROMOTION_REFUSALS = [
  NotFound,
  VersionNotFound,
  ChannelNotFound,
  ChannelReserved,
  ChannelMoved,
  PromptArchived,
  InvalidInput,
  IdempotencyConflict,
  Forbidden,
  Unavailable,
];

const PromoteVersionInput = builder.inputType('PromoteVersionInput', {
  description: 'Which version a channel shall serve.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Of which prompt.' }),
    version: t.int({ required: true, description: 'Its number.' }),
    channel: t.string({
      defaultValue: 'stable',
      description: 'Which channel; `latest` cannot be moved by hand.',
    }),
    reason: t.string({ description: REASON }),
    expectedVersion: t.int({ description: EXPECTED }),
    breakGlass: t.boolean({
      defaultValue: false,
      description:
        'In an emergency: over what the policy demands. Needs `promotions:break-glass` and a reason of at least 10 characters, and is recorded as the event BreakGlassUsed.',
    }),
    waitForSubscribersMs: t.int({ defaultValue: 0, description: WAIT }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const PromoteItem = builder.inputType('PromoteItem', {
  description: 'One prompt of a promotion of several.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Of which prompt; each once.' }),
    version: t.int({ required: true, description: 'Its number.' }),
    expectedVersion: t.int({ description: EXPECTED }),
  }),
});

const PromoteVersionsInput = builder.inputType('PromoteVersionsInput', {
  description: 'Versions of several prompts that one channel shall serve from one moment on.',
  fields: (t) => ({
    channel: t.string({
      defaultValue: 'stable',
      description: 'Which channel; `latest` cannot be moved by hand.',
    }),
    items: t.field({ type: [PromoteItem], required: true, description: '1 to 500 prompts.' }),
    reason: t.string({ description: REASON }),
    waitForSubscribersMs: t.int({ defaultValue: 0, description: WAIT }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const RollbackChannelInput = builder.inputType('RollbackChannelInput', {
  description: 'A channel that shall go back.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'For which prompt.' }),
    channel: t.string({ defaultValue: 'stable', description: 'Which channel.' }),
    toVersion: t.int({
      description: 'A version that the channel was promoted to once; absent: what it served before.',
    }),
    expectedVersion: t.int({
      description: `${EXPECTED} Guards against two people in an incident who walk back two.`,
    }),
    reason: t.string({ description: REASON }),
    waitForSubscribersMs: t.int({ defaultValue: 0, description: WAIT }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const WithdrawPromptInput = builder.inputType('WithdrawPromptInput', {
  description: 'A prompt that a channel shall stop serving.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Which prompt.' }),
    channel: t.string({ required: true, description: 'Which channel.' }),
    expectedVersion: t.int({ description: EXPECTED }),
    reason: t.string({ description: REASON }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const PromotionBatch = builder.objectRef<{ commitSeq: bigint }>('PromotionBatch').implement({
  description: 'Promotions of one commit.',
  fields: (t) => ({
    promotions: t.prismaField({
      type: ['Promotion'],
      description: 'One a prompt, in the order of the items.',
      resolve: (query, { commitSeq }, _args, context) =>
        context.readBack(async () => {
          const { reader, actor } = context;
          const { workspaceId } = actor;
          const events = await reader.event.findMany({
            where: { workspaceId, commitSeq, promotionId: { not: null } },
            orderBy: { seq: 'asc' },
            select: { promotionId: true },
          });
          const order = new Map(events.map(({ promotionId }, index) => [promotionId, index]));
          const rows = await reader.promotion.findMany({
            ...query,
            where: { workspaceId, id: { in: events.map(({ promotionId }) => promotionId ?? '') } },
          });
          return rows.toSorted((one, other) => (order.get(one.id) ?? 0) - (order.get(other.id) ?? 0));
        }),
    }),
    cursor: t.string({
      description: 'The place of the commit in the feed.',
      resolve: ({ commitSeq }, _args, { loaders, readBack }) =>
        readBack(async () => encodeFeedCursor(await loaders.commitEnd.load(commitSeq))),
    }),
  }),
});

function commitOf({ reader, actor: { workspaceId } }: Parameters<typeof ownId>[0], promotionId: string) {
  return reader.event.findUniqueOrThrow({
    where: { workspaceId_promotionId: { workspaceId, promotionId } },
    select: { commitSeq: true },
  });
}

builder.mutationFields((t) => ({
  promoteVersion: t.prismaField({
    type: 'Promotion',
    description:
      'Points a channel at a version, deliberately, as its policy allows; on the approved request for the version where there is one. The next read on this node is the new version.',
    errors: refusals('PromoteVersionResult', 'The promotion, or why nothing moved.', [
      ...PROMOTION_REFUSALS,
      PromotionBlocked,
    ]),
    args: {
      input: t.arg({ type: PromoteVersionInput, required: true, description: 'What to promote where.' }),
    },
    resolve: async (query, _root, { input: { waitForSubscribersMs, ...input } }, context) => {
      const waitMs = requireWaitMs(waitForSubscribersMs);
      const id = await context.app.promoteVersion(context.actor, input);
      await context.waitForSubscribers(id, waitMs);
      return context.readBack(() =>
        context.reader.promotion.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
  promoteVersions: t.field({
    type: PromotionBatch,
    description: 'Promotes versions of several prompts: all or nothing, one commit, one group of events.',
    errors: refusals('PromoteVersionsResult', 'The promotions, or why nothing moved.', [
      ...PROMOTION_REFUSALS,
      PromotionBlocked,
    ]),
    args: {
      input: t.arg({ type: PromoteVersionsInput, required: true, description: 'What to promote where.' }),
    },
    resolve: async (_root, { input: { waitForSubscribersMs, ...input } }, context) => {
      const waitMs = requireWaitMs(waitForSubscribersMs);
      const firstId = await context.app.promoteVersions(context.actor, input);
      await context.waitForSubscribers(firstId, waitMs);
      return context.readBack(() => commitOf(context, firstId));
    },
  }),
}));

builder.mutationFields((t) => ({
  rollbackChannel: t.prismaField({
    type: 'Promotion',
    description:
      'Goes back to what the channel served before, without approval: in an incident nobody waits. A rollback after a withdrawal restores what was withdrawn.',
    errors: refusals('RollbackChannelResult', 'The rollback as a promotion, or why nothing moved.', [
      ...PROMOTION_REFUSALS,
      NothingToRollBack,
    ]),
    args: { input: t.arg({ type: RollbackChannelInput, required: true, description: 'What goes back.' }) },
    resolve: async (query, _root, { input: { waitForSubscribersMs, ...input } }, context) => {
      const waitMs = requireWaitMs(waitForSubscribersMs);
      const id = await context.app.rollbackChannel(context.actor, input);
      await context.waitForSubscribers(id, waitMs);
      return context.readBack(() =>
        context.reader.promotion.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
  withdrawPrompt: t.prismaField({
    type: 'Promotion',
    description: 'Makes a channel stop serving a prompt. NotFound also when the channel does not serve it.',
    errors: refusals('WithdrawPromptResult', 'The withdrawal as a promotion, or why nothing moved.', [
      NotFound,
      ChannelNotFound,
      ChannelReserved,
      ChannelMoved,
      InvalidInput,
      IdempotencyConflict,
      Forbidden,
      Unavailable,
    ]),
    args: {
      input: t.arg({
        type: WithdrawPromptInput,
        required: true,
        description: 'What to withdraw from where.',
      }),
    },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.withdrawPrompt(context.actor, input);
      return context.readBack(() =>
        context.reader.promotion.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
}));
