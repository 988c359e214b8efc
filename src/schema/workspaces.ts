import { randomBytes } from 'node:crypto';
import type { App } from '../actions/app.ts';
import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { Forbidden, InvalidInput, NotFound, Unavailable } from '../domain/errors.ts';
import { OPERATOR_WORKSPACE, WorkspaceSlugTaken } from '../domain/workspace.ts';
import { builder, modelRef } from './builder.ts';
import { connectionOf, rowsQuery } from './connection.ts';
import { refusals } from './mutation.ts';

// What operators do, and all that they see: which workspaces there are.

const BY_SLUG: KeysetOrder = {
  name: 'workspaces',
  columns: [{ name: 'slug', type: 'string', direction: 'asc' }],
};
const SLUG = 'A lower-case letter, then 1 to 47 of a-z, 0-9 and "-"; once in the installation.';

const CreateWorkspaceInput = builder.inputType('CreateWorkspaceInput', {
  description: 'A new workspace.',
  fields: (t) => ({
    slug: t.string({ required: true, description: SLUG }),
    name: t.string({ required: true, description: 'Its display name; at most 100 characters.' }),
  }),
});

const RenameWorkspaceInput = builder.inputType('RenameWorkspaceInput', {
  description: 'Another slug or name of a workspace. Absent or null: unchanged.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'The slug that it has now; not `default`.' }),
    newSlug: t.string({ description: `The slug that it gets. ${SLUG}` }),
    name: t.string({ description: 'The display name that it gets; at most 100 characters.' }),
  }),
});

const DeleteWorkspaceInput = builder.inputType('DeleteWorkspaceInput', {
  description: 'A workspace to delete with everything in it.',
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Which one; not `default`.' }),
    confirm: t.string({ required: true, description: 'The slug once more: nothing brings it back.' }),
  }),
});

const CreatedWorkspace = builder
  .objectRef<{ readonly workspaceId: string; readonly adminKey: string }>('CreatedWorkspace')
  .implement({
    description: 'A new workspace, with what opens it.',
    fields: (t) => ({
      workspace: t.prismaField({
        type: 'Workspace',
        description: 'The workspace.',
        resolve: (query, { workspaceId: id }, _args, { reader, readBack }) =>
          readBack(() => reader.workspace.findUniqueOrThrow({ ...query, where: { id } })),
      }),
      adminKey: t.exposeString('adminKey', {
        description:
          'Its first admin key, here and nowhere else: hand it to whoever administers the workspace.',
      }),
    }),
  });

const DeletedWorkspaceRef = builder
  .objectRef<Awaited<ReturnType<App['deleteWorkspace']>>>('DeletedWorkspace')
  .implement({
    description: 'A workspace that is gone, and how much went with it.',
    fields: (t) => ({
      slug: t.exposeString('slug', { description: 'The slug that it had, free from now on.' }),
      name: t.exposeString('name', { description: 'The name that it had.' }),
      prompts: t.exposeInt('prompts', { description: 'Its prompts.' }),
      versions: t.exposeInt('versions', { description: 'Their versions.' }),
      events: t.exposeInt('events', { description: 'The events of its log.' }),
    }),
  });

builder.queryField('workspaces', (t) =>
  t.connection(
    {
      type: modelRef('Workspace'),
      description: 'The workspaces of the installation, by slug. For operators, who see into none of them.',
      skipTypeScopes: true,
      authScopes: { scope: 'workspaces:manage' },
      resolve: async (_root, args, context, info) => {
        const { reader } = context;
        const page = keysetPage(BY_SLUG, args);
        const filter = { slug: { not: OPERATOR_WORKSPACE.slug } };
        const rows = await reader.workspace.findMany({
          ...rowsQuery(context, info),
          where: { AND: [filter, page.where] },
          orderBy: page.orderBy,
          take: page.take,
        });
        return keysetConnection(page, rows, () => reader.workspace.count({ where: filter }));
      },
    },
    ...connectionOf('Workspace', 'workspaces'),
  ),
);

builder.mutationFields((t) => ({
  createWorkspace: t.field({
    type: CreatedWorkspace,
    description:
      'Creates a workspace with the channels `latest` and `stable` and its first admin key. Needs the scope workspaces:manage.',
    errors: refusals('CreateWorkspaceResult', 'The new workspace, or why there is none.', [
      WorkspaceSlugTaken,
      InvalidInput,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: CreateWorkspaceInput, required: true, description: 'The workspace.' }) },
    resolve: (_root, { input }, { app, actor }) =>
      app.createWorkspace(actor, { ...input, secret: randomBytes(32) }),
  }),
  renameWorkspace: t.prismaField({
    type: 'Workspace',
    description:
      'Gives a workspace another slug or name. Its keys, ids and cursors stay. Needs the scope workspaces:manage.',
    errors: refusals('RenameWorkspaceResult', 'The workspace, or why it stays as it was.', [
      NotFound,
      WorkspaceSlugTaken,
      InvalidInput,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: RenameWorkspaceInput, required: true, description: 'The new names.' }) },
    resolve: async (query, _root, { input }, { app, actor, reader, readBack }) => {
      const id = await app.renameWorkspace(actor, input);
      return readBack(() => reader.workspace.findUniqueOrThrow({ ...query, where: { id } }));
    },
  }),
  deleteWorkspace: t.field({
    type: DeletedWorkspaceRef,
    description:
      'Deletes a workspace with its prompts, history, log and keys, for good; its streams are closed. A large one takes minutes. Needs the scope workspaces:manage.',
    errors: refusals('DeleteWorkspaceResult', 'What was deleted, or why nothing was.', [
      NotFound,
      InvalidInput,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: DeleteWorkspaceInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { app, actor }) => app.deleteWorkspace(actor, input),
  }),
}));
