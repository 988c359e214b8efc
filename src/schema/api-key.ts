import type { Prisma } from '../db/generated/prisma/client.ts';
import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { can } from '../domain/actor.ts';
import { builder, modelRef } from './builder.ts';
import { connectionOf, rowsQuery } from './connection.ts';
import { NOBODY_ID, ownId } from './mutation.ts';
import { Role } from './scalars.ts';

// Ids are in the order in which keys were made.
const NEWEST_FIRST: KeysetOrder = {
  name: 'apiKeys',
  columns: [{ name: 'id', type: 'uuid', direction: 'desc' }],
};

builder.prismaNode('ApiKey', {
  description:
    'A credential of a service or script. Its secret is shown once, when it is created or rotated; only a hash is kept. Needs the scope keys:manage.',
  id: { resolve: (key) => key.id, description: 'Global id; stays when the key is rotated.' },
  nullable: true,
  findUnique: (id, context) => ownId(context, can(context.actor, 'keys:manage') ? id : NOBODY_ID),
  select: { id: true, workspaceId: true },
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'What it is for; what is done with it is recorded under this name.',
    }),
    role: t.expose('role', { type: Role, description: 'Its role: it grants no scope beyond those.' }),
    scopes: t.exposeStringList('scopes', { description: 'Exactly what it may do.' }),
    prompts: t.stringList({
      nullable: true,
      description: 'The slugs and folders ("support/*") that it is limited to; null: every prompt.',
      select: { prompts: true },
      resolve: ({ prompts }) => prompts as string[] | null,
    }),
    channels: t.stringList({
      nullable: true,
      description: 'The channels that it is limited to; null: every channel.',
      select: { channels: true },
      resolve: ({ channels }) => channels as string[] | null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    rotatedAt: t.expose('rotatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it got its present secret; null: it has its first.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends by itself; null: never.',
    }),
    previousExpiresAt: t.expose('previousExpiresAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'Until when the secret before the last rotation is accepted; null: it ended with the rotation.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was used last, to about a minute; null: never.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null: it was not.',
    }),
  }),
});

const ApiKeyFilter = builder.inputType('ApiKeyFilter', {
  description: 'Which keys are listed.',
  fields: (t) => ({
    active: t.boolean({
      description:
        'true: those that are accepted; false: those that are revoked or have expired; null: both.',
    }),
  }),
});

builder.queryField('apiKeys', (t) =>
  t.connection(
    {
      type: modelRef('ApiKey'),
      skipTypeScopes: true,
      authScopes: { scope: 'keys:manage' },
      description: 'The API keys of the workspace, the newest first. Needs the scope keys:manage.',
      args: { filter: t.arg({ type: ApiKeyFilter, description: 'Which ones; absent: all.' }) },
      resolve: async (_root, args, context, info) => {
        const page = keysetPage(NEWEST_FIRST, args);
        const filter = filterWhere(context.actor.workspaceId, args.filter?.active, new Date());
        const rows = await context.reader.apiKey.findMany({
          ...rowsQuery(context, info),
          where: { AND: [filter, page.where] },
          orderBy: page.orderBy,
          take: page.take,
        });
        return keysetConnection(page, rows, () => context.reader.apiKey.count({ where: filter }));
      },
    },
    ...connectionOf('ApiKey', 'API keys'),
  ),
);

function filterWhere(
  workspaceId: string,
  active: boolean | null | undefined,
  now: Date,
): Prisma.ApiKeyWhereInput {
  if (typeof active !== 'boolean') return { workspaceId };
  if (!active) return { workspaceId, OR: [{ revokedAt: { not: null } }, { expiresAt: { lte: now } }] };
  return { workspaceId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
}
