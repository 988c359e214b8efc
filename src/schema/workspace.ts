import { can, scopesOfActor } from '../domain/actor.ts';
import { isScope, SCOPES } from '../domain/actor-role.ts';
import { requirePattern } from '../domain/channel-topic.ts';
import { InvalidInput } from '../domain/errors.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';
import { builder, READS_SOMETHING } from './builder.ts';
import { Grant } from './grant.ts';

builder.prismaNode('Workspace', {
  description: 'A tenant: nothing crosses between workspaces.',
  id: { field: 'id', description: 'Global id.' },
  nullable: true,
  // A workspace sees itself and no other.
  findUnique: (id, { actor }) => ({
    id: id === actor.workspaceId ? id : '00000000-0000-0000-0000-000000000000',
  }),
  fields: (t) => ({
    slug: t.exposeString('slug', { description: 'Its short name.' }),
    name: t.exposeString('name', { description: 'Its display name.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    headCursor: t.string({
      description: 'The place of its newest event: what happens after it has not been seen yet.',
      select: { counter: true },
      authScopes: ({ id }, _args, { actor }) => id === actor.workspaceId,
      resolve: ({ counter }) => {
        if (counter === null) throw new Error('the workspace has no event counter');
        return encodeFeedCursor(counter);
      },
    }),
  }),
});

const Viewer = builder.objectRef<object>('Viewer').implement({
  description: 'Who the credential is and what it may do.',
  fields: (t) => ({
    actor: t.field({
      type: 'Actor',
      description: 'The actor that everything done with this credential is recorded as.',
      resolve: (_v, _a, { actor }) => actor,
    }),
    workspace: t.prismaField({
      type: 'Workspace',
      description: 'The workspace that the credential belongs to.',
      resolve: (query, _viewer, _args, { reader, actor }) =>
        reader.workspace.findUniqueOrThrow({ ...query, where: { id: actor.workspaceId } }),
    }),
    role: t.string({
      description:
        'The highest role that it has anywhere: VIEWER, EDITOR, RELEASER, ADMIN, SERVICE or OPERATOR.',
      resolve: (_v, _a, { actor }) => actor.role,
    }),
    scopes: t.stringList({
      description: 'What it may do somewhere, each by its name.',
      resolve: (_v, _a, { actor }) => [...scopesOfActor(actor)],
    }),
    grants: t.field({
      type: [Grant],
      description:
        'Its roles, each with what it is limited to; of what they allow, it may do what stands in `scopes`.',
      resolve: (_v, _a, { actor }) => actor.grants,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the credential ends by itself; null: never.',
      resolve: (_v, _a, { actor }) => actor.expiresAt,
    }),
    can: t.boolean({
      description:
        'Whether the credential may do something, so that a page shows what works: the same rule that decides when it is done.',
      args: {
        scope: t.arg.string({ required: true, description: 'What to do, such as channels:promote.' }),
        prompt: t.arg.string({
          description: 'To which prompt: a slug, or a folder as `support/*`; absent: to every prompt.',
        }),
        channel: t.arg.string({ description: 'On which channel; absent: on every channel.' }),
      },
      resolve: (_v, { scope, prompt, channel }, { actor }) => {
        if (!isScope(scope)) throw new InvalidInput('scope', `is none of ${SCOPES.join(', ')}`);
        if (typeof prompt === 'string') requirePattern('prompt', prompt);
        return can(actor, scope, {
          ...(typeof prompt === 'string' ? { slug: prompt } : {}),
          ...(typeof channel === 'string' ? { channel } : {}),
        });
      },
    }),
  }),
});

builder.queryFields((t) => ({
  viewer: t.field({
    type: Viewer,
    description: 'Who you are: for every credential.',
    skipTypeScopes: true,
    resolve: () => ({}),
  }),
  workspace: t.prismaField({
    type: 'Workspace',
    description: "The credential's workspace; an operator's is the level where operators are recorded.",
    skipTypeScopes: true,
    authScopes: { anyOf: [...READS_SOMETHING, 'workspaces:manage'] },
    resolve: (query, _root, _args, { reader, actor }) =>
      reader.workspace.findUniqueOrThrow({ ...query, where: { id: actor.workspaceId } }),
  }),
}));
