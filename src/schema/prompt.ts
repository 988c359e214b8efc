import type { Prisma } from '../db/generated/prisma/client.ts';
import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { can } from '../domain/actor.ts';
import { mayReadPrompt } from '../domain/actor-reading.ts';
import { folderRange, isSlug } from '../domain/prompt.ts';
import { requireText } from '../domain/text.ts';
import { builder, modelRef, READS_SOMETHING } from './builder.ts';
import { connectionOf, rowQuery, rowsQuery } from './connection.ts';
import type { Context } from './context.ts';
import { fromSnapshot, knownOf, NotInSnapshot } from './from-snapshot.ts';
import type { PromptInMemory } from './from-snapshot.ts';
import { encodeNodeId } from './node-id.ts';
import { PromptKind } from './scalars.ts';
import { own, readablePrompts, visiblePrompts } from './visible.ts';

const FILTER_LENGTH_MAX = 200;

const ORDERS = {
  SLUG_ASC: { name: 'prompts.slug', columns: [{ name: 'slug', type: 'string', direction: 'asc' }] },
  UPDATED_DESC: {
    name: 'prompts.updated',
    columns: [
      { name: 'updatedAt', type: 'date', direction: 'desc' },
      { name: 'id', type: 'uuid', direction: 'desc' },
    ],
  },
  CREATED_DESC: {
    name: 'prompts.created',
    columns: [
      { name: 'createdAt', type: 'date', direction: 'desc' },
      { name: 'id', type: 'uuid', direction: 'desc' },
    ],
  },
} as const satisfies Record<string, KeysetOrder>;

const PromptOrder = builder.enumType('PromptOrder', {
  description: 'How prompts are listed.',
  values: {
    SLUG_ASC: { description: 'By slug, byte by byte.' },
    UPDATED_DESC: { description: 'The most recently saved or changed first.' },
    CREATED_DESC: { description: 'The newest first.' },
  } as const,
});

const PromptFilter = builder.inputType('PromptFilter', {
  description: 'Which prompts are listed: all conditions hold together.',
  fields: (t) => ({
    search: t.string({
      description: 'A part of the slug, the description or the first 64 kB of the newest text, in any case.',
    }),
    folder: t.string({
      description: 'Prompts whose slug begins with this folder: "support" or "support/*".',
    }),
    tag: t.string({ description: 'Prompts with exactly this tag.' }),
    owner: t.string({ description: 'Prompts of exactly this owner.' }),
    archived: t.boolean({
      defaultValue: false,
      description: 'false: only active ones; true: only archived ones; null: both.',
    }),
  }),
});

builder.prismaNode('Prompt', {
  description:
    'A named thing with versions. Content lives in its versions and never changes; only the metadata here does. Retired by archivePrompt: its versions and `latest` stay readable.',
  id: {
    resolve: (prompt) => prompt.id,
    description: 'Global id; stays when the slug changes.',
    extensions: fromSnapshot<PromptInMemory>((prompt) => encodeNodeId('Prompt', knownOf(prompt).promptId)),
  },
  nullable: true,
  findUnique: (id, { actor: { workspaceId } }) => ({ workspaceId_id: { workspaceId, id } }),
  select: { id: true, workspaceId: true, slug: true, createdAt: true, updatedAt: true },
  // Secure by default: a field that is not opened below, here or in another file, is for who may read everything of this prompt.
  authScopes: ({ slug }, { actor }) => mayReadPrompt(actor, slug),
  fields: (t) => ({
    slug: t.exposeString('slug', {
      skipTypeScopes: true,
      extensions: fromSnapshot<PromptInMemory>((prompt) => knownOf(prompt).slug),
      description: 'Its name, such as "support/assistant": unique in the workspace, changed by updatePrompt.',
    }),
    description: t.exposeString('description', {
      skipTypeScopes: true,
      nullable: true,
      description: 'What it is for.',
    }),
    kind: t.expose('kind', {
      skipTypeScopes: true,
      extensions: fromSnapshot<PromptInMemory>((prompt) => knownOf(prompt).content.kind),
      type: PromptKind,
      description: 'TEXT or CHAT, for life.',
    }),
    tags: t.exposeStringList('tags', { skipTypeScopes: true, description: 'Labels for filtering.' }),
    owner: t.exposeString('owner', {
      skipTypeScopes: true,
      nullable: true,
      description: 'Who looks after it: a person or team, free text.',
    }),
    createdAt: t.expose('createdAt', {
      skipTypeScopes: true,
      extensions: fromSnapshot<PromptInMemory>((prompt) => knownOf(prompt).promptCreatedAt),
      type: 'DateTime',
      description: 'When it was created; for imported history, when its first version was made.',
    }),
    updatedAt: t.expose('updatedAt', {
      skipTypeScopes: true,
      type: 'DateTime',
      description: 'When it was last saved or its metadata changed.',
    }),
    archivedAt: t.expose('archivedAt', {
      skipTypeScopes: true,
      type: 'DateTime',
      nullable: true,
      description: 'When it was retired; null: active.',
    }),
    latest: t.relation('latest', {
      description:
        'The newest version; stays when the prompt is archived. For who may read everything of the prompt, or write to it.',
      skipTypeScopes: true,
      authScopes: ({ slug }, _args, { actor }) =>
        mayReadPrompt(actor, slug) || can(actor, 'prompts:write', { slug }),
    }),
  }),
});

builder.queryFields((t) => ({
  prompt: t.field({
    type: modelRef('Prompt'),
    nullable: true,
    description:
      'The prompt of this slug, archived or not; null when there is none, or none that the credential may read.',
    skipTypeScopes: true,
    authScopes: { anyOf: READS_SOMETHING },
    args: { slug: t.arg.string({ required: true, description: 'Its slug.' }) },
    extensions: fromSnapshot<unknown, { readonly slug: string }>((_root, { slug }, reads) => {
      if (!isSlug(slug)) throw new NotInSnapshot();
      return reads.prompt(slug);
    }),
    resolve: (_root, { slug }, context, info) => {
      if (!isSlug(slug)) return null;
      const query = rowQuery(context, info);
      return context.reader.prompt.findUnique({
        ...query,
        where: { workspaceId_slug: { ...own(context), slug }, ...onlyVisible(context, slug) },
      });
    },
  }),
  prompts: t.connection(
    {
      type: modelRef('Prompt'),
      description: 'Prompts of the workspace that the credential may read, filtered and ordered.',
      args: {
        filter: t.arg({ type: PromptFilter, description: 'Which ones; absent: the active ones.' }),
        orderBy: t.arg({ type: PromptOrder, defaultValue: 'SLUG_ASC', description: 'In which order.' }),
      },
      resolve: async (_root, args, context, info) => {
        const page = keysetPage(ORDERS[args.orderBy ?? 'SLUG_ASC'], args);
        const filter = filterWhere(context, args.filter ?? { archived: false });
        const rows = await context.reader.prompt.findMany({
          ...rowsQuery(context, info),
          where: { AND: [filter, page.where] },
          orderBy: page.orderBy,
          take: page.take,
        });
        return keysetConnection(page, rows, () => context.reader.prompt.count({ where: filter }));
      },
    },
    ...connectionOf('Prompt', 'prompts'),
  ),
}));

/** Nothing to add for who may read the prompt anyway: then the look-up is by its key alone, and batched. */
function onlyVisible(context: Context, slug: string): Prisma.PromptWhereInput {
  return mayReadPrompt(context.actor, slug) ? {} : visiblePrompts(context);
}

function filterWhere(context: Context, filter: typeof PromptFilter.$inferInput): Prisma.PromptWhereInput {
  const text = (field: 'search' | 'folder' | 'tag' | 'owner') => {
    const value = filter[field];
    return typeof value === 'string' ? requireText(`filter.${field}`, value, FILTER_LENGTH_MAX) : null;
  };
  const [search, folder, tag, owner] = [text('search'), text('folder'), text('tag'), text('owner')];
  const asked: Prisma.PromptWhereInput = {
    ...(search === null ? {} : { search: { text: { contains: escapeLike(search), mode: 'insensitive' } } }),
    ...(folder === null ? {} : { slug: folderRange(folder) }),
    ...(tag === null ? {} : { tags: { has: tag } }),
    ...(owner === null ? {} : { owner }),
    ...(typeof filter.archived === 'boolean' ? { archivedAt: filter.archived ? { not: null } : null } : {}),
  };
  // Apart, so that a filter by folder never takes the place of what may be seen.
  return { AND: [readablePrompts(context), asked] };
}

/** LIKE's wildcards stand for themselves; Prisma's `contains` passes them on as they are. */
function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, (character) => `\\${character}`);
}
