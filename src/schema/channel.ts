import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { knownChannels } from '../domain/actor-reading.ts';
import { isChannelName } from '../domain/channel.ts';
import { builder, modelRef, READS_SOMETHING } from './builder.ts';
import { connectionOf, NODES_PATH, orderColumns, rowQuery } from './connection.ts';
import type { Context } from './context.ts';
import { own, visibleChannels, visiblePointers } from './visible.ts';

const SERVING: KeysetOrder = {
  name: 'serving',
  columns: [{ name: 'promptId', type: 'uuid', direction: 'asc' }],
};

builder.prismaNode('Channel', {
  description:
    'A named pointer, for each prompt, to one version. `latest` follows every save; every other moves only by a promotion.',
  id: { resolve: (channel) => channel.id, description: 'Global id.' },
  nullable: true,
  findUnique: (id, { actor: { workspaceId } }) => ({ workspaceId_id: { workspaceId, id } }),
  select: { id: true, workspaceId: true },
  // Whoever may know of a channel may read what is open here; all else of it is for who reads the registry.
  authScopes: { scope: 'registry:read' },
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'Its name: a lower-case letter, then a-z, 0-9 and "-".',
      skipTypeScopes: true,
    }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'What it is for.',
      skipTypeScopes: true,
    }),
    serving: t.connection(
      {
        type: modelRef('ChannelPointer'),
        description:
          'Everything that the channel serves and the credential may read, in a fixed order: a service starts from this in one request.',
        skipTypeScopes: true,
        select: (args, context, nested) => {
          const { take, where, orderBy } = keysetPage(SERVING, args);
          return {
            pointers: nested(
              {
                take,
                where: { ...where, ...visiblePointers(context), versionId: { not: null } },
                orderBy,
                ...orderColumns(SERVING),
              },
              NODES_PATH,
              'ChannelPointer',
            ),
          };
        },
        resolve: ({ workspaceId, id: channelId, pointers }, args, context) =>
          keysetConnection(keysetPage(SERVING, args), pointers, () =>
            context.reader.channelPointer.count({
              where: { ...visiblePointers(context), workspaceId, channelId, versionId: { not: null } },
            }),
          ),
      },
      ...connectionOf('ChannelPointer', 'what a channel serves'),
    ),
  }),
});

builder.prismaObject('ChannelPointer', {
  description: 'Where one channel points for one prompt.',
  findUnique: ({ workspaceId, channelId, promptId }) => ({
    workspaceId_channelId_promptId: { workspaceId, channelId, promptId },
  }),
  select: { workspaceId: true, channelId: true, promptId: true },
  fields: (t) => ({
    channel: t.relation('channel', { description: 'The channel.' }),
    prompt: t.relation('prompt', { description: 'The prompt.' }),
    version: t.field({
      type: modelRef('PromptVersion'),
      description: 'The version that is served.',
      select: (_args, _context, nested) => ({ version: nested() }),
      resolve: ({ version }) => {
        if (version === null) throw new Error('a withdrawn pointer was listed');
        return version;
      },
    }),
    since: t.expose('since', { type: 'DateTime', description: 'Since when.' }),
    promotion: t.relation('promotion', {
      nullable: true,
      description: 'The record of the move that put it there.',
    }),
  }),
});

builder.queryFields((t) => ({
  channel: t.field({
    type: modelRef('Channel'),
    nullable: true,
    description: 'The channel of this name; null when there is none, or none that the credential may read.',
    skipTypeScopes: true,
    authScopes: { anyOf: READS_SOMETHING },
    args: { name: t.arg.string({ required: true, description: 'Its name.' }) },
    resolve: (_root, { name }, context, info) => {
      if (!isChannelName(name) || !mayKnow(context, name)) return null;
      const query = rowQuery(context, info);
      return context.reader.channel.findUnique({
        ...query,
        where: { workspaceId_name: { ...own(context), name } },
      });
    },
  }),
  channels: t.prismaField({
    type: ['Channel'],
    description: 'All channels of the workspace (at most 32) that the credential may read, by name.',
    skipTypeScopes: true,
    authScopes: { anyOf: READS_SOMETHING },
    resolve: (query, _root, _args, context) =>
      context.reader.channel.findMany({
        ...query,
        where: visibleChannels(context),
        orderBy: { name: 'asc' },
      }),
  }),
}));

function mayKnow({ actor }: Pick<Context, 'actor'>, name: string): boolean {
  return knownChannels(actor)?.includes(name) ?? true;
}
