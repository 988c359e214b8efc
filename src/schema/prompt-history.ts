import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { mayReadPrompt } from '../domain/actor-reading.ts';
import { isChannelName } from '../domain/channel.ts';
import type { Selector } from '../delivery/held-versions.ts';
import { InvalidInput } from '../domain/errors.ts';
import { builder, modelRef } from './builder.ts';
import { connectionOf, NODES_PATH, orderColumns } from './connection.ts';
import { fromSnapshot, NotInSnapshot } from './from-snapshot.ts';
import type { PromptInMemory } from './from-snapshot.ts';
import { visiblePointers } from './visible.ts';

const VERSIONS: KeysetOrder = {
  name: 'versions',
  columns: [{ name: 'number', type: 'int', direction: 'desc' }],
};
const PROMOTIONS: KeysetOrder = {
  name: 'promotions',
  columns: [{ name: 'ordinal', type: 'int', direction: 'desc' }],
};

// What a prompt serves now.
builder.prismaObjectFields('Prompt', (t) => ({
  version: t.field({
    type: modelRef('PromptVersion'),
    nullable: true,
    description:
      'One version, by its number or by the channel that serves it; give exactly one. Null when there is none: a channel never falls back. By number it is for who may read everything of the prompt.',
    skipTypeScopes: true,
    args: {
      number: t.arg.int({ description: 'The number of the version.' }),
      channel: t.arg.string({ description: 'The name of the channel.' }),
    },
    extensions: fromSnapshot<PromptInMemory, VersionArgs>((prompt, args, reads) =>
      reads.version(prompt, selectorOf(args)),
    ),
    select: (args, context, nested) => {
      const byNumber = { versions: nested({ where: { number: args.number ?? 0 }, take: 1 }) };
      const byChannel = {
        pointers: {
          where: { AND: [visiblePointers(context)], channel: { name: channelName(args.channel ?? '') } },
          take: 1,
          select: { version: nested() },
        },
      };
      return (typeof args.number === 'number' ? byNumber : byChannel) as typeof byNumber & typeof byChannel;
    },
    authScopes: ({ slug }, { number }, { actor }) => typeof number !== 'number' || mayReadPrompt(actor, slug),
    resolve: (prompt, args) => {
      if ((typeof args.number === 'number') === (typeof args.channel === 'string')) {
        throw new InvalidInput('version', 'give either "number" or "channel"');
      }
      // The row may hold the other one too, from an alias of this field.
      const found: Partial<typeof prompt> = prompt;
      if (typeof args.number === 'number') return found.versions?.[0] ?? null;
      return found.pointers?.[0]?.version ?? null;
    },
  }),
  channels: t.relation('pointers', {
    description:
      'Where each channel points, by name of the channel; a channel that does not serve the prompt, or that the credential may not read, is absent.',
    skipTypeScopes: true,
    query: (_args, context) => ({
      where: { ...visiblePointers(context), versionId: { not: null } },
      orderBy: { channel: { name: 'asc' } },
    }),
  }),
}));

// What it was and served before.
builder.prismaObjectFields('Prompt', (t) => ({
  versions: t.connection(
    {
      type: modelRef('PromptVersion'),
      description: 'All versions, newest first. Pages stay right while versions are added.',
      select: (args, _context, nested) => {
        const { take, where, orderBy } = keysetPage(VERSIONS, args);
        return {
          versions: nested({ take, where, orderBy, ...orderColumns(VERSIONS) }, NODES_PATH, 'PromptVersion'),
        };
      },
      resolve: ({ id, versions }, args, { loaders }) =>
        keysetConnection(keysetPage(VERSIONS, args), versions, () => loaders.versionCount.load(id)),
    },
    ...connectionOf('PromptVersion', 'versions'),
  ),
  promotions: t.connection(
    {
      type: modelRef('Promotion'),
      description: 'How the channels moved, newest first: saves, promotions, rollbacks, withdrawals.',
      args: { channel: t.arg.string({ description: 'Only this channel.' }) },
      select: (args, _context, nested) => {
        const { take, where, orderBy } = keysetPage(PROMOTIONS, args);
        const channel =
          typeof args.channel === 'string' ? { channel: { name: channelName(args.channel) } } : {};
        return {
          promotions: nested(
            { take, where: { ...where, ...channel }, orderBy, ...orderColumns(PROMOTIONS) },
            NODES_PATH,
            'Promotion',
          ),
        };
      },
      resolve: ({ id, promotions }, args, { loaders }) =>
        keysetConnection(keysetPage(PROMOTIONS, args), promotions, () =>
          loaders.promotionCount.load({ promptId: id, channel: args.channel ?? null }),
        ),
    },
    ...connectionOf('Promotion', 'promotions'),
  ),
}));

interface VersionArgs {
  readonly number?: number | null;
  readonly channel?: string | null;
}

/** @throws NotInSnapshot for what is answered with null or an error */
function selectorOf({ number, channel }: VersionArgs): Selector {
  if (typeof number === 'number' && typeof channel !== 'string') return { number };
  if (typeof channel === 'string' && typeof number !== 'number' && isChannelName(channel)) return { channel };
  throw new NotInSnapshot();
}

/** What is no channel name is looked up as one that no channel has: some of it the database cannot even be asked for. */
function channelName(name: string): string {
  return isChannelName(name) ? name : '';
}
