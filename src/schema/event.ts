import type { Prisma } from '../db/generated/prisma/client.ts';
import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';
import { InvalidInput } from '../domain/errors.ts';
import { hashedText } from '../domain/event.ts';
import type { JsonValue } from '../domain/template.ts';
import { requireText } from '../domain/text.ts';
import { builder, modelRef } from './builder.ts';
import { connectionOf, rowsQuery } from './connection.ts';
import type { Context } from './context.ts';
import { visibleEvents } from './visible.ts';

const FILTER_LENGTH_MAX = 200;
const TYPES_MAX = 50;
const NEWEST_FIRST: KeysetOrder = {
  name: 'events',
  columns: [{ name: 'seq', type: 'bigint', direction: 'desc' }],
};

const EventFilter = builder.inputType('EventFilter', {
  description: 'Which events are listed: all conditions hold together.',
  fields: (t) => ({
    types: t.stringList({ description: 'Any of these types, at most 50.' }),
    prompt: t.string({ description: 'The slug that the prompt has now.' }),
    actor: t.string({ description: 'The name of the actor, exactly.' }),
    since: t.field({ type: 'DateTime', description: 'Not before.' }),
    until: t.field({ type: 'DateTime', description: 'Before.' }),
  }),
});

builder.prismaNode('Event', {
  description:
    'One fact of the workspace, in the past tense, in the commit that made it true. The log has no holes and is chained: hash = sha256(prevHash bytes, then hashedText in UTF-8); the first prevHash is sha256 of the workspace id.',
  id: { resolve: (event) => event.seq.toString(), description: 'Global id.' },
  nullable: true,
  findUnique: (id, { actor: { workspaceId } }) => ({ workspaceId_seq: { workspaceId, seq: BigInt(id) } }),
  select: { workspaceId: true, seq: true },
  fields: (t) => ({
    cursor: t.string({
      description: 'The place in the feed right after the commit that it belongs to.',
      select: { commitSeq: true },
      resolve: async ({ commitSeq }, _args, { loaders }) =>
        encodeFeedCursor(await loaders.commitEnd.load(commitSeq)),
    }),
    seq: t.int({
      description: '1, 2, 3 ... within the workspace; a hole is proof of damage.',
      resolve: ({ seq }) => Number(seq),
    }),
    commitSeq: t.int({
      description: 'The sequence of the first event of its commit.',
      select: { commitSeq: true },
      resolve: ({ commitSeq }) => Number(commitSeq),
    }),
    type: t.exposeString('type', { description: 'What happened, such as VersionPromoted.' }),
    actor: t.field({
      type: 'Actor',
      description: 'Who did it.',
      select: { actorKind: true, actorName: true },
      resolve: ({ actorKind, actorName }) => ({ kind: actorKind, name: actorName }),
    }),
    at: t.field({
      type: 'DateTime',
      description: 'When the database recorded it.',
      select: { atMicros: true },
      resolve: ({ atMicros }) => new Date(Number(atMicros / 1_000n)),
    }),
    prompt: t.relation('prompt', { nullable: true, description: 'The prompt that it is about.' }),
    promotion: t.relation('promotion', { nullable: true, description: 'The promotion that it tells of.' }),
    sourceAddress: t.exposeString('sourceAddress', {
      nullable: true,
      description:
        'The network address that the request came from; null: PromptForge itself, or an event of before it was kept.',
    }),
    userAgent: t.exposeString('userAgent', {
      nullable: true,
      description: 'What the client called itself, its first 300 characters.',
    }),
    requestId: t.exposeString('requestId', {
      nullable: true,
      description: 'The `x-request-id` of the answer, as the server log has it.',
    }),
    payload: t.field({
      type: 'JSON',
      description: 'Ids and facts by the type of the event.',
      select: { payload: true },
      resolve: ({ payload }) => JSON.parse(payload) as JsonValue,
    }),
  }),
});

// What makes it verifiable from outside.
builder.prismaObjectFields('Event', (t) => ({
  hash: t.string({
    description: 'Its hash, in hexadecimal.',
    select: { hash: true },
    resolve: ({ hash }) => hex(hash),
  }),
  prevHash: t.string({
    description: 'The hash of the event before it, in hexadecimal.',
    select: { prevHash: true },
    resolve: ({ prevHash }) => hex(prevHash),
  }),
  hashedText: t.string({
    description:
      'What the hash covers: each field as <bytes>:<text>, an absent one as -, each closed by a comma.',
    select: {
      hashVersion: true,
      commitSeq: true,
      type: true,
      actorKind: true,
      actorId: true,
      actorName: true,
      atMicros: true,
      promptId: true,
      promotionId: true,
      payload: true,
      sourceAddress: true,
      userAgent: true,
      requestId: true,
    },
    resolve: (event) => hashedText(event),
  }),
}));

builder.queryField('events', (t) =>
  t.connection(
    {
      type: modelRef('Event'),
      description:
        'The audit trail, newest first: for a credential that is limited to prompts, what is about those; for an operator, what operators did.',
      skipTypeScopes: true,
      authScopes: { anyOf: ['registry:read', 'workspaces:manage'] },
      args: { filter: t.arg({ type: EventFilter, description: 'Which ones; absent: all.' }) },
      resolve: async (_root, args, context, info) => {
        const page = keysetPage(NEWEST_FIRST, args);
        const filter = await filterWhere(context, args.filter ?? {});
        const rows = await context.reader.event.findMany({
          ...rowsQuery(context, info),
          where: { AND: [filter, page.where] },
          orderBy: page.orderBy,
          take: page.take,
        });
        return keysetConnection(page, rows, () => context.reader.event.count({ where: filter }));
      },
    },
    ...connectionOf('Event', 'events'),
  ),
);

async function filterWhere(
  context: Context,
  filter: typeof EventFilter.$inferInput,
): Promise<Prisma.EventWhereInput> {
  const { types, actor } = filter;
  if ((types?.length ?? 0) > TYPES_MAX)
    throw new InvalidInput('filter.types', `has more than ${TYPES_MAX} types`);
  const asked: Prisma.EventWhereInput = {
    ...(types
      ? {
          type: {
            in: types.map((type, index) => requireText(`filter.types[${index}]`, type, FILTER_LENGTH_MAX)),
          },
        }
      : {}),
    ...(typeof actor === 'string'
      ? { actorName: requireText('filter.actor', actor, FILTER_LENGTH_MAX) }
      : {}),
    ...(await ofPrompt(context, filter.prompt)),
    ...(await ofTime(context, filter)),
  };
  // Apart, so that a filter by prompt never takes the place of what may be seen.
  return { AND: [visibleEvents(context), asked] };
}

/** By its id, which the log's index knows: joined by its slug, all that ever happened to the prompt is read for each page. */
async function ofPrompt({ loaders }: Context, slug: string | null | undefined) {
  if (typeof slug !== 'string') return {};
  const id = await loaders.promptId.load(requireText('filter.prompt', slug, FILTER_LENGTH_MAX));
  return { promptId: { in: id === null ? [] : [id] } };
}

async function ofTime(
  { loaders }: Context,
  { since, until }: typeof EventFilter.$inferInput,
): Promise<Prisma.EventWhereInput> {
  const { from, before } = await loaders.seqsOfTime({ since: since ?? null, until: until ?? null });
  const seq = { ...(from === null ? {} : { gte: from }), ...(before === null ? {} : { lt: before }) };
  return Object.keys(seq).length === 0 ? {} : { seq };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
