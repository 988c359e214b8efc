import { scopesOfActor } from '../domain/actor.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';
import { builder } from './builder.ts';

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
  }),
});

builder.queryFields((t) => ({
  viewer: t.field({ type: Viewer, description: 'Who you are.', resolve: () => ({}) }),
  workspace: t.prismaField({
    type: 'Workspace',
    description: "The credential's workspace.",
    resolve: (query, _root, _args, { reader, actor }) =>
      reader.workspace.findUniqueOrThrow({ ...query, where: { id: actor.workspaceId } }),
  }),
}));
