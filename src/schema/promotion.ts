import { encodeFeedCursor } from '../domain/cursor.ts';
import { builder } from './builder.ts';
import { factsOf, fromSnapshot, previousOf } from './from-snapshot.ts';
import type { PromotedInMemory } from './from-snapshot.ts';
import { encodeNodeId } from './node-id.ts';
import { mayRead, ownOrReadable } from './visible.ts';

const PromotionKind = builder.enumType('PromotionKind', {
  description: 'The mutation that moved the channel; never guessed from the target.',
  values: {
    SAVE: { description: '`latest` moved because a version was saved.' },
    PROMOTION: { description: 'Somebody promoted a version.' },
    ROLLBACK: { description: 'Somebody went back to what the channel served before.' },
    WITHDRAWAL: {
      description: 'The channel stopped serving the prompt, by withdrawal or because it was archived.',
    },
  } as const,
});

builder.prismaNode('Promotion', {
  description: 'The immutable record that a channel was pointed at a version, or, for a WITHDRAWAL, at none.',
  id: {
    resolve: (promotion) => promotion.id,
    description: 'Global id.',
    extensions: fromSnapshot<PromotedInMemory>(({ frame }) => encodeNodeId('Promotion', frame.promotionId)),
  },
  nullable: true,
  findUnique: (id, { actor: { workspaceId } }) => ({ workspaceId_id: { workspaceId, id } }),
  select: { id: true, workspaceId: true, ordinal: true, promptId: true, actorId: true },
  // What a subscriber of the channel is told is open; the rest is for who may read everything of the prompt.
  authScopes: ({ promptId }, context) => mayRead(context, promptId),
  fields: (t) => ({
    kind: t.expose('kind', {
      skipTypeScopes: true,
      extensions: fromSnapshot<PromotedInMemory>((promoted) => factsOf(promoted).kind),
      type: PromotionKind,
      description: 'What moved the channel.',
    }),
    prompt: t.relation('prompt', {
      skipTypeScopes: true,
      extensions: fromSnapshot<PromotedInMemory>(({ served }) => ({ slug: served.slug, known: served })),
      description: 'Whose version.',
    }),
    channel: t.relation('channel', { skipTypeScopes: true, description: 'The channel that moved.' }),
    version: t.relation('version', {
      skipTypeScopes: true,
      nullable: true,
      extensions: fromSnapshot<PromotedInMemory>(({ served }) => served),
      description: 'What it serves since; null for a WITHDRAWAL.',
    }),
    previousVersion: t.relation('previousVersion', {
      skipTypeScopes: true,
      nullable: true,
      extensions: fromSnapshot<PromotedInMemory>(previousOf),
      description: 'What it served before; null: nothing.',
    }),
    actor: t.field({
      type: 'Actor',
      description: 'Who moved it.',
      skipTypeScopes: true,
      authScopes: ownOrReadable,
      select: { actorKind: true, actorName: true },
      resolve: ({ actorKind, actorName }) => ({ kind: actorKind, name: actorName }),
    }),
    reason: t.exposeString('reason', {
      skipTypeScopes: true,
      authScopes: ownOrReadable,
      nullable: true,
      description: 'Why, in the words of who moved it.',
    }),
    breakGlass: t.exposeBoolean('breakGlass', {
      skipTypeScopes: true,
      authScopes: ownOrReadable,
      description: 'Whether it went over what the policy demanded, in an emergency.',
    }),
    request: t.relation('request', {
      nullable: true,
      description: 'The approved request that it applied; null: it needed none.',
    }),
  }),
});

// When it was, and where that stands in the log.
builder.prismaObjectFields('Promotion', (t) => ({
  createdAt: t.expose('createdAt', {
    skipTypeScopes: true,
    extensions: fromSnapshot<PromotedInMemory>(({ served }) => served.promotedAt),
    type: 'DateTime',
    description: 'When.',
  }),
  cursor: t.string({
    skipTypeScopes: true,
    extensions: fromSnapshot<PromotedInMemory>((promoted) => factsOf(promoted).cursor),
    description:
      "Its place in the workspace's feed: the end of its commit, so that resuming from it never tears a batch.",
    select: { event: { select: { commitSeq: true } } },
    resolve: async ({ event }, _args, { loaders }) => {
      if (event === null) throw new Error('a promotion without its event');
      return encodeFeedCursor(await loaders.commitEnd.load(event.commitSeq));
    },
  }),
}));
