import { ChannelNotFound, ChannelReserved } from '../domain/channel.ts';
import { Forbidden, InvalidInput, NotFound, Unavailable } from '../domain/errors.ts';
import { builder } from './builder.ts';
import { ownId, refusals } from './mutation.ts';
import { visiblePolicies } from './visible.ts';

const POLICY_CHANNEL = 'Which channel; `latest` follows every save and has none.';
const POLICY_PATTERN = '"*" for every prompt, a folder ("support/*"), or a slug.';

const PromoterRole = builder.enumType('PromoterRole', {
  description: 'The least role that may promote.',
  values: {
    RELEASER: { description: 'Whoever has the scope `channels:promote` there.' },
    ADMIN: { description: 'Only who has it as an ADMIN.' },
  } as const,
});

const ChannelSoak = builder.objectRef<{ channel: string; minutes: number }>('ChannelSoak').implement({
  description: 'A minimum time on another channel, without a break, up to the promotion.',
  fields: (t) => ({
    channel: t.exposeString('channel', { description: 'The name of the other channel, such as "canary".' }),
    minutes: t.exposeInt('minutes', { description: 'For how many minutes.' }),
  }),
});

builder.prismaObject('ChannelPolicy', {
  description:
    'What a channel demands before it moves by a promotion, for the prompts of a pattern. Of those that cover a prompt its own slug decides, otherwise the longest folder, alone; without any, nothing is demanded. Rollbacks and withdrawals are never held up.',
  findUnique: ({ workspaceId, id }) => ({ workspaceId_id: { workspaceId, id } }),
  select: { workspaceId: true, id: true },
  fields: (t) => ({
    channel: t.relation('channel', { description: 'The channel that it protects.' }),
    pattern: t.exposeString('pattern', { description: POLICY_PATTERN }),
    promoterRole: t.field({
      type: PromoterRole,
      description: 'The least role that may promote.',
      select: { promoterRole: true },
      resolve: ({ promoterRole }) => (promoterRole === 'ADMIN' ? 'ADMIN' : 'RELEASER'),
    }),
    approvals: t.exposeInt('approvals', { description: 'How many approvals a promotion needs, 0 to 5.' }),
    selfApproval: t.exposeBoolean('selfApproval', {
      description: 'Whether the approvals of who asked, and of the author of the version, count.',
    }),
    rejectionBlocks: t.exposeBoolean('rejectionBlocks', {
      description: 'Whether one rejection closes the request.',
    }),
    reasonRequired: t.exposeBoolean('reasonRequired', { description: 'Whether a promotion needs a reason.' }),
    soak: t.field({
      type: ChannelSoak,
      nullable: true,
      description: 'How long another channel must have served the version; null: not at all.',
      select: { soakMinutes: true, soakChannel: { select: { name: true } } },
      resolve: ({ soakChannel, soakMinutes: minutes }) =>
        soakChannel === null ? null : { channel: soakChannel.name, minutes },
    }),
    autoApply: t.exposeBoolean('autoApply', {
      description:
        'Whether the review that meets the policy moves the channel; otherwise promoteVersion does.',
    }),
    requestHours: t.exposeInt('requestHours', { description: 'For how many hours a request stays open.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was set.' }),
  }),
});

builder.prismaObjectField('Channel', 'policies', (t) =>
  t.relation('policies', {
    description:
      'What the channel demands before it moves, by pattern (at most 100): what concerns prompts that you may read.',
    query: (_args, context) => ({ where: visiblePolicies(context), orderBy: { pattern: 'asc' } }),
  }),
);

const ChannelSoakInput = builder.inputType('ChannelSoakInput', {
  description: 'A minimum time on another channel.',
  fields: (t) => ({
    channel: t.string({ required: true, description: 'The name of the other channel.' }),
    minutes: t.int({ required: true, description: '1 to 43,200.' }),
  }),
});

const SetChannelPolicyInput = builder.inputType('SetChannelPolicyInput', {
  description: 'The whole policy of a channel and pattern: what is left out is as where no policy is set.',
  fields: (t) => ({
    channel: t.string({ required: true, description: POLICY_CHANNEL }),
    pattern: t.string({ defaultValue: '*', description: POLICY_PATTERN }),
    promoterRole: t.field({
      type: PromoterRole,
      defaultValue: 'RELEASER',
      description: 'The least role that may promote.',
    }),
    approvals: t.int({ defaultValue: 0, description: '0 to 5.' }),
    selfApproval: t.boolean({
      defaultValue: false,
      description: 'Whether the approvals of who asked, and of the author of the version, count.',
    }),
    rejectionBlocks: t.boolean({
      defaultValue: true,
      description: 'Whether one rejection closes the request.',
    }),
    reasonRequired: t.boolean({ defaultValue: false, description: 'Whether a promotion needs a reason.' }),
    soak: t.field({ type: ChannelSoakInput, description: 'Absent: no minimum time elsewhere.' }),
    autoApply: t.boolean({
      defaultValue: true,
      description: 'Whether the review that meets the policy moves the channel.',
    }),
    requestHours: t.int({ defaultValue: 168, description: '1 to 2,160.' }),
  }),
});

const RemoveChannelPolicyInput = builder.inputType('RemoveChannelPolicyInput', {
  description: 'A policy to take away.',
  fields: (t) => ({
    channel: t.string({ required: true, description: POLICY_CHANNEL }),
    pattern: t.string({ required: true, description: POLICY_PATTERN }),
  }),
});

const POLICY_REFUSALS = [ChannelNotFound, ChannelReserved, InvalidInput, Forbidden, Unavailable];

builder.mutationFields((t) => ({
  setChannelPolicy: t.prismaField({
    type: 'ChannelPolicy',
    description:
      'Says what a channel demands before it moves, from the next promotion on. Promotions under way finish first. Needs `channels:manage`.',
    errors: refusals('SetChannelPolicyResult', 'The policy, or why it was not set.', POLICY_REFUSALS),
    args: { input: t.arg({ type: SetChannelPolicyInput, required: true, description: 'The policy.' }) },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.setChannelPolicy(context.actor, input);
      return context.readBack(() =>
        context.reader.channelPolicy.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
  removeChannelPolicy: t.prismaField({
    type: 'Channel',
    description: 'Takes a policy away: the next shorter pattern decides, or nothing is demanded.',
    errors: refusals('RemoveChannelPolicyResult', 'The channel, or why nothing was removed.', [
      NotFound,
      ...POLICY_REFUSALS,
    ]),
    args: {
      input: t.arg({ type: RemoveChannelPolicyInput, required: true, description: 'Which policy.' }),
    },
    resolve: async (query, _root, { input }, context) => {
      const id = await context.app.removeChannelPolicy(context.actor, input);
      return context.readBack(() =>
        context.reader.channel.findUniqueOrThrow({ ...query, where: ownId(context, id) }),
      );
    },
  }),
}));
