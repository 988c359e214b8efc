import { encodeFeedCursor } from '../domain/cursor.ts';
import { builder } from './builder.ts';

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
  id: { resolve: (promotion) => promotion.id, description: 'Global id.' },
  nullable: true,
  findUnique: (id, { actor: { workspaceId } }) => ({ workspaceId_id: { workspaceId, id } }),
  select: { id: true, workspaceId: true, ordinal: true },
  fields: (t) => ({
    kind: t.expose('kind', { type: PromotionKind, description: 'What moved the channel.' }),
    prompt: t.relation('prompt', { description: 'Whose version.' }),
    channel: t.relation('channel', { description: 'The channel that moved.' }),
    version: t.relation('version', {
      nullable: true,
      description: 'What it serves since; null for a WITHDRAWAL.',
    }),
    previousVersion: t.relation('previousVersion', {
      nullable: true,
      description: 'What it served before; null: nothing.',
    }),
    actor: t.field({
      type: 'Actor',
      description: 'Who moved it.',
      select: { actorKind: true, actorName: true },
      resolve: ({ actorKind, actorName }) => ({ kind: actorKind, name: actorName }),
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, in the words of who moved it.' }),
    breakGlass: t.exposeBoolean('breakGlass', {
      description: 'Whether it went over what the policy demanded, in an emergency.',
    }),
    request: t.relation('request', {
      nullable: true,
      description: 'The approved request that it applied; null: it needed none.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When.' }),
    cursor: t.string({
      description:
        "Its place in the workspace's feed: the end of its commit, so that resuming from it never tears a batch.",
      select: { event: { select: { commitSeq: true } } },
      resolve: async ({ event }, _args, { loaders }) => {
        if (event === null) throw new Error('a promotion without its event');
        return encodeFeedCursor(await loaders.commitEnd.load(event.commitSeq));
      },
    }),
  }),
});
