import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { can } from '../domain/actor.ts';
import { Forbidden, InvalidInput, NotFound, Unavailable } from '../domain/errors.ts';
import { storedGrants } from '../domain/member-role.ts';
import { builder, modelRef } from './builder.ts';
import { connectionOf, rowsQuery } from './connection.ts';
import { Grant } from './grant.ts';
import { NOBODY_ID, ownId, refusals } from './mutation.ts';
import { innerId } from './node-id.ts';
import { Role } from './scalars.ts';

const BY_NAME: KeysetOrder = {
  name: 'members',
  columns: [
    { name: 'name', type: 'string', direction: 'asc' },
    { name: 'id', type: 'uuid', direction: 'asc' },
  ],
};
const PROMPTS = 'Slugs and folders ("support/*") that it is limited to';
const CHANNELS = 'Channels that it is limited to';

builder.prismaNode('Member', {
  description:
    'A person, as the issuer of its tokens knows it; it is made when the person signs in for the first time. Needs the scope members:manage.',
  id: { resolve: (member) => member.id, description: 'Global id.' },
  nullable: true,
  findUnique: (id, context) => ownId(context, can(context.actor, 'members:manage') ? id : NOBODY_ID),
  select: { id: true, workspaceId: true },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, else its email address, else its subject.' }),
    email: t.exposeString('email', { nullable: true, description: 'Its email address, as its token says.' }),
    subject: t.exposeString('subject', { description: 'Who it is to the issuer.' }),
    issuer: t.exposeString('issuer', { description: 'Who vouches for it.' }),
    role: t.expose('role', {
      type: Role,
      nullable: true,
      description: 'The role that an administrator has set; null: what its token claims.',
    }),
    claimedRole: t.expose('claimedRole', {
      type: Role,
      nullable: true,
      description: 'The role that its newest token claims for this workspace; null: none.',
    }),
    grants: t.field({
      type: [Grant],
      description: 'What it may do besides, for some prompts and channels.',
      select: { grants: true },
      resolve: ({ grants }) => [...storedGrants(grants)],
    }),
    lastSeenAt: t.expose('lastSeenAt', {
      type: 'DateTime',
      description: 'When it was here last, to about a minute.',
    }),
    suspendedAt: t.expose('suspendedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it may do nothing, whatever its token claims; null: it is not suspended.',
    }),
  }),
});

builder.queryField('members', (t) =>
  t.connection(
    {
      type: modelRef('Member'),
      skipTypeScopes: true,
      authScopes: { scope: 'members:manage' },
      description: 'The people of the workspace, by name. Needs the scope members:manage.',
      resolve: async (_root, args, context, info) => {
        const page = keysetPage(BY_NAME, args);
        const filter = { workspaceId: context.actor.workspaceId };
        const rows = await context.reader.member.findMany({
          ...rowsQuery(context, info),
          where: { AND: [filter, page.where] },
          orderBy: page.orderBy,
          take: page.take,
        });
        return keysetConnection(page, rows, () => context.reader.member.count({ where: filter }));
      },
    },
    ...connectionOf('Member', 'members'),
  ),
);

const GrantInput = builder.inputType('GrantInput', {
  description: 'A role for some prompts and channels only; at least one of the two limits is given.',
  fields: (t) => ({
    role: t.field({ type: Role, required: true, description: 'VIEWER, EDITOR, RELEASER or ADMIN.' }),
    prompts: t.stringList({ description: `${PROMPTS}, 1 to 100; absent: every prompt.` }),
    channels: t.stringList({ description: `${CHANNELS}, 1 to 100; absent: every channel.` }),
  }),
});

const SetMemberRoleInput = builder.inputType('SetMemberRoleInput', {
  description: 'What a member may do. What is left out stays as it is.',
  fields: (t) => ({
    member: t.id({ required: true, description: 'Which member; nobody changes himself.' }),
    role: t.field({
      type: Role,
      description:
        'VIEWER, EDITOR, RELEASER or ADMIN, whatever its token claims; null: what the token claims.',
    }),
    grants: t.field({
      type: [GrantInput],
      description: 'All that it may do besides, at most 50; an empty list takes everything away.',
    }),
    suspended: t.boolean({ description: 'true: it may do nothing until this is false again.' }),
  }),
});

builder.mutationField('setMemberRole', (t) =>
  t.prismaField({
    type: 'Member',
    description:
      'Decides what a member may do; on every node within seconds. Nobody gives more than he holds himself. Needs the scope members:manage.',
    errors: refusals('SetMemberRoleResult', 'The member as it is now, or why it was not changed.', [
      NotFound,
      InvalidInput,
      Forbidden,
      Unavailable,
    ]),
    args: { input: t.arg({ type: SetMemberRoleInput, required: true, description: 'Who, and what.' }) },
    resolve: async (query, _root, { input }, context) => {
      const member = innerId('Member', input.member);
      await context.app.setMemberRole(context.actor, { ...input, member });
      return context.readBack(() =>
        context.reader.member.findUniqueOrThrow({ ...query, where: ownId(context, member) }),
      );
    },
  }),
);
