import { approversFor } from '../db/promotion-loaders.ts';
import type { Standing } from '../db/promotion-standing.ts';
import { isChannelName, ChannelNotFound, ChannelReserved, LATEST, STABLE } from '../domain/channel.ts';
import type { Blocker } from '../domain/promotion-blockers.ts';
import { judgePromotion } from '../domain/promotion-judgement.ts';
import { effectiveVariables } from '../domain/template.ts';
import { storedContent, VersionNotFound } from '../domain/version.ts';
import type { StoredContent } from '../domain/version.ts';
import { builder, modelRef } from './builder.ts';
import { rowQuery } from './connection.ts';
import type { Context } from './context.ts';
import { ownId } from './mutation.ts';
import { diffFrom, VERSION_CONTENT } from './version-diff-from.ts';

type Content = StoredContent & { readonly number: number };

interface Plan {
  readonly slug: string;
  readonly channel: string;
  readonly standing: Standing;
  readonly servingId: string | null;
  readonly content: Content;
  readonly servingContent: Content | null;
  readonly blockers: readonly Blocker[];
}

const PromotionPlan = builder.objectRef<Plan>('PromotionPlan').implement({
  description: 'What a promotion would do, and what is between it and the channel, for whoever asks.',
  fields: (t) => ({
    version: t.prismaField({
      type: 'PromptVersion',
      description: 'What the channel would serve.',
      resolve: (query, { standing }, _args, context) =>
        context.reader.promptVersion.findUniqueOrThrow({
          ...query,
          where: ownId(context, standing.version.id),
        }),
    }),
    serving: t.field({
      type: modelRef('PromptVersion'),
      nullable: true,
      description: 'What it serves now; null: nothing.',
      resolve: ({ servingId }, _args, context, info) => {
        if (servingId === null) return null;
        const query = rowQuery(context, info);
        return context.reader.promptVersion.findUnique({ ...query, where: ownId(context, servingId) });
      },
    }),
    diff: t.field({
      type: 'VersionDiff',
      nullable: true,
      description: 'What would change; null: nothing is served.',
      resolve: ({ servingContent, content }) => diffFrom(servingContent, content),
    }),
    variablesAdded: t.stringList({
      description: 'Variables that callers do not fill yet.',
      resolve: ({ content, servingContent }) => namesIn(content, servingContent),
    }),
    variablesRemoved: t.stringList({
      description: 'Variables that callers fill for nothing.',
      resolve: ({ content, servingContent }) =>
        servingContent === null ? [] : namesIn(servingContent, content),
    }),
    policy: t.field({
      type: modelRef('ChannelPolicy'),
      nullable: true,
      description: 'The policy that decides; null: none covers the prompt, and nothing is demanded.',
      resolve: ({ standing: { policyId } }, _args, context, info) => {
        if (policyId === null) return null;
        const query = rowQuery(context, info);
        return context.reader.channelPolicy.findUnique({ ...query, where: ownId(context, policyId) });
      },
    }),
  }),
});

// What is in the way, and who could clear it.
builder.objectFields(PromotionPlan, (t) => ({
  blockers: t.field({
    type: ['PromotionBlocker'],
    description:
      'Every reason why the channel would not move, if you promoted it now without a reason of your own.',
    resolve: ({ blockers }) => [...blockers],
  }),
  request: t.field({
    type: modelRef('PromotionRequest'),
    nullable: true,
    description: 'The open request for this version; null: nobody asks for it.',
    resolve: ({ standing: { request } }, _args, context, info) => {
      if (request === null) return null;
      const query = rowQuery(context, info);
      return context.reader.promotionRequest.findUnique({ ...query, where: ownId(context, request.id) });
    },
  }),
  approvers: t.field({
    type: ['Actor'],
    description: 'Members and keys whose approval would count, by name, at most 100.',
    resolve: async ({ slug, channel, standing }, _args, { loaders }) => {
      const { policy, version, request } = standing;
      const barred = policy.selfApproval
        ? []
        : [version.authorId, ...(request === null ? [] : [request.requesterId])];
      return approversFor(await loaders.approvers.load({ slug, channel }), new Set(barred));
    },
  }),
  allowed: t.boolean({
    description: 'Whether promoteVersion would move the channel now; a demanded reason is given with it.',
    resolve: ({ blockers }) => blockers.every(({ code }) => code === 'REASON_REQUIRED'),
  }),
}));

builder.prismaObjectField('Prompt', 'promotionPlan', (t) =>
  t.field({
    type: PromotionPlan,
    description:
      'What promoting a version would do, and all reasons at once why it would not go through. Unknown versions and channels are errors with a code.',
    args: {
      version: t.arg.int({ required: true, description: 'The number of the version.' }),
      channel: t.arg.string({ defaultValue: 'stable', description: 'Which channel; not `latest`.' }),
    },
    select: { slug: true, archivedAt: true },
    resolve: (prompt, { version, channel }, context) => planOf(context, prompt, version, channel ?? STABLE),
  }),
);

interface PlannedPrompt {
  readonly id: string;
  readonly workspaceId: string;
  readonly slug: string;
  readonly archivedAt: Date | null;
}

async function planOf(
  context: Context,
  prompt: PlannedPrompt,
  number: number,
  channel: string,
): Promise<Plan> {
  const { reader, loaders, actor } = context;
  const { workspaceId, id: promptId, slug } = prompt;
  if (channel === LATEST)
    throw new ChannelReserved('channel "latest" follows every save and is not promoted');
  if (!isChannelName(channel)) throw new ChannelNotFound(channel);
  const found = await reader.channel.findUnique({
    where: { workspaceId_name: { workspaceId, name: channel } },
    select: { id: true },
  });
  if (found === null) throw new ChannelNotFound(channel);
  const standing = await loaders.standing.load({ promptId, channelId: found.id, number });
  const content = await reader.promptVersion.findUnique({
    where: { workspaceId_promptId_number: { workspaceId, promptId, number } },
    select: VERSION_CONTENT,
  });
  if (standing === null || content === null) throw new VersionNotFound(`the prompt has no version ${number}`);
  const pointer = await reader.channelPointer.findUnique({
    where: { workspaceId_channelId_promptId: { workspaceId, channelId: found.id, promptId } },
    select: { versionId: true, version: { select: VERSION_CONTENT } },
  });
  const servingId = pointer?.versionId ?? null;
  const target = { slug, channel };
  const { blockers } = judgePromotion(
    actor,
    { ...target, ...standing, isArchived: prompt.archivedAt !== null, servingVersionId: servingId },
    { reason: null, now: new Date() },
  );
  return { ...target, standing, servingId, content, servingContent: pointer?.version ?? null, blockers };
}

/** Names of variables that the one has and the other has not. */
function namesIn(one: Content, other: Content | null): string[] {
  const known = new Set(other === null ? [] : variableNames(other));
  return variableNames(one).filter((name) => !known.has(name));
}

function variableNames(version: Content): string[] {
  const content = storedContent(version);
  return effectiveVariables(content, content.variables).map(({ name }) => name);
}
