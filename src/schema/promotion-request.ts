import type { Prisma } from '../db/generated/prisma/client.ts';
import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { isChannelName } from '../domain/channel.ts';
import { isSlug } from '../domain/prompt.ts';
import { builder, modelRef } from './builder.ts';
import { connectionOf, rowQuery, rowsQuery } from './connection.ts';
import type { Context } from './context.ts';
import { standingOf } from './promotion-standing-of.ts';
import { ReviewDecision } from './scalars.ts';
import { readablePrompts } from './visible.ts';
import { diffFrom, VERSION_CONTENT } from './version-diff-from.ts';

const REQUESTS: KeysetOrder = {
  name: 'requests',
  columns: [
    { name: 'createdAt', type: 'date', direction: 'desc' },
    { name: 'id', type: 'uuid', direction: 'desc' },
  ],
};

const RequestStatus = builder.enumType('PromotionRequestStatus', {
  description: 'What became of a request. It closes once, for good.',
  values: {
    OPEN: { description: 'It can be reviewed.' },
    APPLIED: { description: 'Approved, and the channel moved.' },
    REJECTED: { description: 'A reviewer rejected it.' },
    SUPERSEDED: {
      description: 'The channel moved meanwhile: what was reviewed is no longer true, ask again.',
    },
    EXPIRED: { description: 'Nobody answered in time.' },
    CANCELLED: { description: 'Taken back by its author or an admin, or the prompt was archived.' },
  } as const,
});

const Approvals = builder
  .objectRef<{ have: number; need: number; rejections: number }>('ApprovalTally')
  .implement({
    description: 'How far a request has come, by the policy that decides now.',
    fields: (t) => ({
      have: t.exposeInt('have', { description: 'Approvals that count: the newest review of each reviewer.' }),
      need: t.exposeInt('need', { description: 'How many it needs: what the policy demands, at least one.' }),
      rejections: t.exposeInt('rejections', { description: 'How many reviewers reject it.' }),
    }),
  });

builder.prismaObject('PromotionReview', {
  description:
    'One judgement of a request, of exactly this content against what the channel served then. Never changed.',
  findUnique: ({ workspaceId, id }) => ({ workspaceId_id: { workspaceId, id } }),
  select: { workspaceId: true, id: true },
  fields: (t) => ({
    decision: t.expose('decision', { type: ReviewDecision, description: 'What the reviewer says.' }),
    comment: t.exposeString('comment', { nullable: true, description: 'Why.' }),
    reviewer: t.field({
      type: 'Actor',
      description: 'Who judged.',
      select: { reviewerKind: true, reviewerName: true },
      resolve: ({ reviewerKind, reviewerName }) => ({ kind: reviewerKind, name: reviewerName }),
    }),
    contentHash: t.exposeString('contentHash', { description: 'Of the content that was judged.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When.' }),
  }),
});

builder.prismaNode('PromotionRequest', {
  description:
    'Somebody asks that a channel serve a version. Reviewers judge it; approved it is applied, by the last review or by promoteVersion.',
  id: { resolve: (request) => request.id, description: 'Global id.' },
  nullable: true,
  findUnique: (id, context) => ({
    workspaceId_id: { workspaceId: context.actor.workspaceId, id },
    prompt: readablePrompts(context),
  }),
  select: {
    id: true,
    workspaceId: true,
    promptId: true,
    channelId: true,
    createdAt: true,
    status: true,
    contentHash: true,
    servingVersionId: true,
    requesterId: true,
  },
  fields: (t) => ({
    status: t.expose('status', { type: RequestStatus, description: 'What became of it.' }),
    prompt: t.relation('prompt', { description: 'Whose version.' }),
    channel: t.relation('channel', { description: 'The channel that shall serve it.' }),
    version: t.relation('version', { description: 'What it shall serve.' }),
    serving: t.relation('servingVersion', {
      nullable: true,
      description: 'What it served when this was asked for; null: nothing.',
    }),
    contentHash: t.exposeString('contentHash', {
      description: 'Of the content that is asked for: what is approved is what is released.',
    }),
    requester: t.field({
      type: 'Actor',
      description: 'Who asks.',
      select: { requesterKind: true, requesterName: true },
      resolve: ({ requesterKind, requesterName }) => ({ kind: requesterKind, name: requesterName }),
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, in the words of who asks.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it closes if nobody answers.' }),
    closedAt: t.expose('closedAt', { type: 'DateTime', nullable: true, description: 'When it closed.' }),
    reviews: t.relation('reviews', {
      description: 'All judgements, in order (at most 100).',
      query: { orderBy: { ordinal: 'asc' } },
    }),
    promotion: t.relation('promotion', {
      nullable: true,
      description: 'The promotion that applied it; null: it was not applied.',
    }),
  }),
});

// What stands between it and the channel.
builder.prismaObjectFields('PromotionRequest', (t) => ({
  servingNow: t.field({
    type: modelRef('PromptVersion'),
    nullable: true,
    description: 'What the channel serves now; null: nothing. Of an open request the same as `serving`.',
    resolve: async ({ workspaceId, channelId, promptId }, _args, context, info) => {
      const pointer = await context.reader.channelPointer.findUnique({
        where: { workspaceId_channelId_promptId: { workspaceId, channelId, promptId } },
        select: { version: rowQuery(context, info) },
      });
      return pointer?.version ?? null;
    },
  }),
  diff: t.field({
    type: 'VersionDiff',
    nullable: true,
    description: 'What would change against `serving`; null: nothing was served.',
    select: {
      version: { select: VERSION_CONTENT },
      servingVersion: { select: VERSION_CONTENT },
    },
    resolve: ({ version, servingVersion }) => diffFrom(servingVersion, version),
  }),
  diffNow: t.field({
    type: 'VersionDiff',
    nullable: true,
    description: 'What would change against what the channel serves now; null: nothing is served.',
    select: { version: { select: VERSION_CONTENT } },
    resolve: async ({ workspaceId, channelId, promptId, version }, _args, { reader }) => {
      const pointer = await reader.channelPointer.findUnique({
        where: { workspaceId_channelId_promptId: { workspaceId, channelId, promptId } },
        select: { version: { select: VERSION_CONTENT } },
      });
      return diffFrom(pointer?.version ?? null, version);
    },
  }),
}));

// How far it has come.
builder.prismaObjectFields('PromotionRequest', (t) => ({
  approvals: t.field({
    type: Approvals,
    description: 'How many approvals count, and how many it needs.',
    select: { version: { select: { number: true } } },
    resolve: async (request, _args, context) => {
      const { tally } = await standingOf(context, request);
      return { have: tally.approvals, need: tally.needed, rejections: tally.rejections };
    },
  }),
  blockers: t.field({
    type: ['PromotionBlocker'],
    description:
      'Every reason why the channel would not move now if you promoted it; of a closed request none.',
    select: {
      version: { select: { number: true } },
      prompt: { select: { slug: true, archivedAt: true } },
      channel: { select: { name: true } },
    },
    resolve: async (request, _args, context) => {
      if (request.status !== 'OPEN') return [];
      const { blockers } = await standingOf(context, request);
      return [
        ...blockers({
          slug: request.prompt.slug,
          channel: request.channel.name,
          isArchived: request.prompt.archivedAt !== null,
        }),
      ];
    },
  }),
}));

const RequestFilter = builder.inputType('PromotionRequestFilter', {
  description: 'Which requests are listed: all conditions hold together.',
  fields: (t) => ({
    status: t.field({ type: RequestStatus, description: 'Only of this status.' }),
    channel: t.string({ description: 'Only for this channel.' }),
    prompt: t.string({ description: 'Only for the prompt of this slug.' }),
  }),
});

builder.queryField('promotionRequests', (t) =>
  t.connection(
    {
      type: modelRef('PromotionRequest'),
      description: 'What was asked for, newest first.',
      args: { filter: t.arg({ type: RequestFilter, description: 'Which ones; absent: all.' }) },
      resolve: async (_root, args, context, info) => {
        const page = keysetPage(REQUESTS, args);
        const filter = await filterWhere(context, args.filter ?? {});
        const rows = await context.reader.promotionRequest.findMany({
          ...rowsQuery(context, info),
          where: { AND: [filter, page.where] },
          orderBy: page.orderBy,
          take: page.take,
        });
        return keysetConnection(page, rows, () => context.reader.promotionRequest.count({ where: filter }));
      },
    },
    ...connectionOf('PromotionRequest', 'promotion requests'),
  ),
);

async function filterWhere(
  context: Context,
  { status, channel, prompt }: typeof RequestFilter.$inferInput,
): Promise<Prisma.PromotionRequestWhereInput> {
  // What is no name is looked up as one that nothing has: some of it the database cannot even be asked for.
  return {
    workspaceId: context.actor.workspaceId,
    prompt: {
      AND: [
        readablePrompts(context),
        typeof prompt === 'string' ? { slug: isSlug(prompt) ? prompt : '' } : {},
      ],
    },
    ...(status ? { status } : {}),
    ...(typeof channel === 'string' ? await ofChannel(context, channel) : {}),
  };
}

/** By its id: joined by its name, the requests of all channels are read for each page. */
async function ofChannel({ loaders }: Context, name: string) {
  const id = isChannelName(name) ? await loaders.channelId.load(name) : null;
  return { channelId: { in: id === null ? [] : [id] } };
}
