import type { Frame, MoveFrame, SnapshotFrame } from '../realtime/frames.ts';
import { parseTopic } from '../domain/channel-topic.ts';
import { optionalInstance } from '../domain/instance.ts';
import { builder, READS_SOMETHING } from './builder.ts';
import { fromSnapshot, previousOf } from './from-snapshot.ts';
import type { PromotedInMemory } from './from-snapshot.ts';
import { ownId } from './mutation.ts';
import { pointersThen } from './served-then.ts';

const DeliveryMode = builder.enumType('DeliveryMode', {
  description: 'What a subscriber that reads too slowly hears.',
  values: {
    LATEST: {
      description:
        'Of each prompt only the newest, in one commit, when it has fallen behind; otherwise everything. Always converges.',
    },
    ALL: { description: 'Every event, read again from the log when it has fallen behind.' },
  } as const,
});

const SnapshotReason = builder.enumType('SnapshotReason', {
  description: 'Why a subscription begins with, or goes back to, what the channel serves now.',
  values: {
    REQUESTED: { description: '`snapshot: true` without a cursor.' },
    CURSOR_EXPIRED: { description: 'More than 10,000 events were written since the cursor.' },
    HISTORY_CHANGED: {
      description: 'The cursor is of another history: the database was restored or failed over.',
    },
    CURSOR_AHEAD: {
      description: 'The cursor is from further on than this node has got, after waiting 2 s for it.',
    },
  } as const,
});

const ChannelEvent = builder.interfaceRef<Frame>('ChannelEvent').implement({
  description:
    'What a subscriber hears: in the order of commits, at least once, never backwards. Frames of one commit follow each other.',
  resolveType: ({ type }) => type,
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      extensions: fromSnapshot<PromotedInMemory>(({ frame }) => frame.cursor),
      description:
        'Where to resume after this frame: the end of its commit; with `more`, the place before the commit, so that nothing of it is lost.',
    }),
    more: t.exposeBoolean('more', {
      extensions: fromSnapshot<PromotedInMemory>(({ frame }) => frame.more),
      description: 'Further frames of the same commit follow: apply them together, when `more` is false.',
    }),
  }),
});

builder.objectRef<MoveFrame>('VersionPromoted').implement({
  description: 'The channel serves another version of the prompt: by promotion, rollback, save or rename.',
  interfaces: [ChannelEvent],
  isTypeOf: (value) => hasType(value, 'VersionPromoted'),
  fields: (t) => ({
    slug: t.exposeString('slug', {
      extensions: fromSnapshot<PromotedInMemory>(({ frame }) => frame.slug),
      description:
        'The slug that the prompt had then; `prompt { slug }` is what it had when the event was rendered.',
    }),
    promotion: t.prismaField({
      type: 'Promotion',
      description: 'The record of the move; after a rename the one that is in force.',
      extensions: fromSnapshot<PromotedInMemory>((promoted) => promoted),
      resolve: (query, { promotionId }, _args, context) =>
        context.reader.promotion.findUniqueOrThrow({ ...query, where: ownId(context, promotionId) }),
    }),
    prompt: t.prismaField({
      type: 'Prompt',
      description: 'Whose version.',
      extensions: fromSnapshot<PromotedInMemory>(({ served }) => ({ slug: served.slug, known: served })),
      resolve: (query, { promptId }, _args, context) =>
        context.reader.prompt.findUniqueOrThrow({ ...query, where: ownId(context, promptId) }),
    }),
    version: t.prismaField({
      type: 'PromptVersion',
      description: 'What the channel serves from now on.',
      extensions: fromSnapshot<PromotedInMemory>(({ served }) => served),
      resolve: (query, { promptId, version }, _args, { reader, actor: { workspaceId } }) =>
        reader.promptVersion.findUniqueOrThrow({
          ...query,
          where: { workspaceId_promptId_number: { workspaceId, promptId, number: version ?? 0 } },
        }),
    }),
    previousVersion: t.prismaField({
      type: 'PromptVersion',
      nullable: true,
      description: 'What it served before; null: nothing.',
      extensions: fromSnapshot<PromotedInMemory>(previousOf),
      // By its unique key, so that Prisma asks once for all promotions of a commit.
      resolve: async (query, { promotionId }, _args, context) => {
        const { previousVersion } = await context.reader.promotion.findUniqueOrThrow({
          where: ownId(context, promotionId),
          select: { previousVersion: query },
        });
        return previousVersion;
      },
    }),
  }),
});

builder.objectRef<MoveFrame>('VersionWithdrawn').implement({
  description: 'The channel serves nothing under this slug any more: withdrawn, archived or renamed.',
  interfaces: [ChannelEvent],
  isTypeOf: (value) => hasType(value, 'VersionWithdrawn'),
  fields: (t) => ({
    slug: t.exposeString('slug', { description: 'The slug that is served no more.' }),
    promotion: t.prismaField({
      type: 'Promotion',
      description: 'The record of the withdrawal; after a rename the promotion that is in force.',
      resolve: (query, { promotionId }, _args, context) =>
        context.reader.promotion.findUniqueOrThrow({ ...query, where: ownId(context, promotionId) }),
    }),
  }),
});

builder.objectRef<SnapshotFrame>('ChannelSnapshot').implement({
  description:
    'What the channel serves of the prompts that are followed, by slug, in frames of at most 100 entries; events after it follow without a gap.',
  interfaces: [ChannelEvent],
  isTypeOf: (value) => hasType(value, 'ChannelSnapshot'),
  fields: (t) => ({
    reason: t.expose('reason', { type: SnapshotReason, description: 'Why it is sent.' }),
    part: t.exposeInt('part', {
      description: '1, 2, 3 ... within its snapshot; 1 begins anew, whatever came before.',
    }),
    complete: t.exposeBoolean('complete', {
      description: 'The last frame: what no frame of it named is not served.',
    }),
    entries: t.prismaField({
      type: ['ChannelPointer'],
      description: 'Where the channel points, as it was at the cursor of the last frame.',
      resolve: (query, { entries }, _args, context) => pointersThen(context, entries, query),
    }),
  }),
});

builder.objectRef<Frame & { type: 'Bookmark' }>('Bookmark').implement({
  description:
    'Nothing happened up to its cursor that was not told. Sent when the subscription is up to date, then every 15 s.',
  interfaces: [ChannelEvent],
  isTypeOf: (value) => hasType(value, 'Bookmark'),
  fields: (t) => ({
    lagMs: t.exposeInt('lagMs', {
      description:
        'For how long this node has known that it is behind the log, in milliseconds; 0: it is not.',
    }),
  }),
});

builder.subscriptionType({
  description: 'What is pushed: over WebSocket (graphql-transport-ws) or server-sent events.',
  authScopes: { anyOf: READS_SOMETHING },
});
builder.subscriptionField('channelEvents', (t) =>
  t.field({
    type: ChannelEvent,
    description:
      'What a channel serves, as it changes. Without a cursor from now on, or, with `snapshot`, from what it serves now. With a cursor everything since; where that is impossible, a ChannelSnapshot with its reason.',
    args: {
      channel: t.arg.string({
        required: true,
        defaultValue: 'stable',
        description: 'Which channel; `latest` too.',
      }),
      prompts: t.arg.stringList({
        description:
          'Slugs, or folders as `support/*`, at most 100; null: every prompt that the credential may read. FORBIDDEN when one reaches beyond those.',
      }),
      after: t.arg.string({ description: 'The cursor to resume from; BAD_CURSOR when it is none.' }),
      snapshot: t.arg.boolean({
        defaultValue: false,
        description: 'Without a cursor: first what the channel serves now.',
      }),
      mode: t.arg({ type: DeliveryMode, defaultValue: 'LATEST', description: 'What a slow reader hears.' }),
      bookmarks: t.arg.boolean({ defaultValue: false, description: 'Whether bookmarks are sent.' }),
      instance: t.arg.string({
        description:
          'The name of the process that listens, 1 to 64 of `A-Za-z0-9._:-`, under which it says what it has applied (POST /v1/channels/{name}/applied); null: it does not say.',
      }),
    },
    subscribe: (_root, { channel, prompts, after, snapshot, mode, bookmarks, instance }, context) =>
      context.follow({
        topic: parseTopic(channel, prompts),
        mode: mode ?? 'LATEST',
        bookmarks: bookmarks ?? false,
        after: after ?? null,
        snapshot: snapshot ?? false,
        instance: optionalInstance(instance),
      }),
    resolve: (frame) => frame,
  }),
);

function hasType(value: unknown, type: Frame['type']): boolean {
  return (value as Frame).type === type;
}
