import type { Prisma } from '../db/generated/prisma/client.ts';
import { canSomewhere, channelsNamed, promptsWithin } from '../domain/actor.ts';
import { knownChannels, mayReadAll, mayReadPrompt } from '../domain/actor-reading.ts';
import { isFolder, pathOfPattern } from '../domain/patterns.ts';
import { folderRange } from '../domain/prompt.ts';
import type { Context } from './context.ts';
import type { NodeId } from './node-id.ts';

// What a request may see: every condition under which the schema reads rows stands here. Each begins with the workspace, and goes on with what
// the actor's grants cover; for who may read everything, nothing is added. What is not covered answers as what does not exist.

type Scoped = Pick<Context, 'actor'>;

/** Rows of the actor's workspace. */
export function own({ actor: { workspaceId } }: Scoped) {
  return { workspaceId };
}

/** Prompts of which it may read everything. */
export function readablePrompts({ actor }: Scoped): Prisma.PromptWhereInput {
  return { ...own({ actor }), ...within(promptsWithin(actor, 'registry:read')) };
}

/** Prompts that it may know of: those, and what a channel that it may read serves. */
export function visiblePrompts({ actor }: Scoped): Prisma.PromptWhereInput {
  if (mayReadAll(actor)) return own({ actor });
  const served = servedPointers({ actor }).map(({ prompt, ...pointer }) => ({
    ...prompt,
    pointers: { some: { ...pointer, versionId: { not: null } } },
  }));
  return { ...own({ actor }), OR: [within(promptsWithin(actor, 'registry:read')), ...served] };
}

/** What channels serve, as far as it may read it. */
export function visiblePointers({ actor }: Scoped): Prisma.ChannelPointerWhereInput {
  if (mayReadAll(actor)) return {};
  const covered = servedPointers({ actor });
  // What is true of every row must not stand in an OR: Prisma leaves it out, and the rest is all that is found.
  if (covered.some(({ channel, prompt }) => channel === undefined && isEverything(prompt))) return {};
  return { OR: [{ prompt: within(promptsWithin(actor, 'registry:read')) }, ...covered] };
}

/** What the channel demands of prompts that may be read, in words that name no others. */
export function visiblePolicies({ actor }: Scoped): Prisma.ChannelPolicyWhereInput {
  const patterns = promptsWithin(actor, 'registry:read');
  if (patterns === null) return {};
  const above = patterns.flatMap(foldersAbove);
  return {
    OR: [
      { pattern: { in: ['*', ...patterns, ...above] } },
      ...patterns.filter(isFolder).map((pattern) => ({ pattern: folderRange(pattern) })),
    ],
  };
}

/** "a/*" for "a/b", and for "a/b/*" as well. */
function foldersAbove(pattern: string): string[] {
  const parts = pathOfPattern(pattern).split('/');
  return parts.slice(1).map((_part, index) => `${parts.slice(0, index + 1).join('/')}/*`);
}

export function visibleChannels({ actor }: Scoped): Prisma.ChannelWhereInput {
  const names = knownChannels(actor);
  return { ...own({ actor }), ...(names === null ? {} : { name: { in: [...names] } }) };
}

/** The trail: all of it, also for operators, whose workspace holds nothing else; limited to prompts: of those. */
export function visibleEvents({ actor }: Scoped): Prisma.EventWhereInput {
  if (mayReadAll(actor) || canSomewhere(actor, 'workspaces:manage')) return own({ actor });
  return { ...own({ actor }), prompt: within(promptsWithin(actor, 'registry:read')) };
}

/** Whether everything of the prompt may be read: drafts, history, usage. */
export function mayRead({ actor, loaders }: Context, promptId: string): boolean | Promise<boolean> {
  if (mayReadAll(actor)) return true;
  if (!canSomewhere(actor, 'registry:read')) return false;
  return loaders.promptSlug.load(promptId).then((slug) => slug !== null && mayReadPrompt(actor, slug));
}

/** What one has done oneself is no secret: whoever may move a channel and not read the registry gets the answer to the move. */
export function ownOrReadable(
  { promptId, actorId }: { readonly promptId: string; readonly actorId: string },
  _args: object,
  context: Context,
) {
  // What is rendered once for several is nobody's own.
  return (!context.isShared && actorId === context.actor.id) || mayRead(context, promptId);
}

/** Whether what a global id names may be seen. */
export async function isVisibleNode(context: Context, { typename, id }: NodeId): Promise<boolean> {
  if (mayReadAll(context.actor)) return true;
  const { reader } = context;
  const ofPrompt = { id, prompt: readablePrompts(context) };
  switch (typename) {
    case 'Workspace':
      return true;
    case 'Channel':
      return (await reader.channel.count({ where: { id, ...visibleChannels(context) } })) > 0;
    case 'Prompt':
      return (await reader.prompt.count({ where: { id, ...visiblePrompts(context) } })) > 0;
    case 'PromptVersion':
      return (await reader.promptVersion.count({ where: { ...own(context), ...ofPrompt } })) > 0;
    case 'Promotion':
      return (await reader.promotion.count({ where: { ...own(context), ...ofPrompt } })) > 0;
    case 'PromotionRequest':
      return (await reader.promotionRequest.count({ where: { ...own(context), ...ofPrompt } })) > 0;
    // Where it is found it is asked whether they may be seen.
    case 'ApiKey':
    case 'Member':
      return true;
    case 'Event':
      return (await reader.event.count({ where: { seq: BigInt(id), ...visibleEvents(context) } })) > 0;
    default:
      // Whoever adds a type of nodes says here who may see it; until then only who may read everything.
      return false;
  }
}

/** The pointers that channels:read covers: for each channel that grants name those of its prompts, and those that are limited to no channel. */
function servedPointers({ actor }: Scoped): ServedPointers[] {
  const everywhere = promptsWithin(actor, 'channels:read');
  const named = channelsNamed(actor, 'channels:read').map((name) => ({
    channel: { name },
    prompt: within(promptsWithin(actor, 'channels:read', name)),
  }));
  return [{ prompt: within(everywhere) }, ...named];
}

interface ServedPointers {
  readonly channel?: { readonly name: string };
  readonly prompt: Prisma.PromptWhereInput;
}

function isEverything(where: Prisma.PromptWhereInput): boolean {
  return Object.keys(where).length === 0;
}

function within(patterns: readonly string[] | null): Prisma.PromptWhereInput {
  if (patterns === null) return {};
  // Not an empty OR: within another OR Prisma leaves that out, and everything is found.
  if (patterns.length === 0) return { id: { in: [] } };
  return { OR: patterns.map((pattern) => ({ slug: isFolder(pattern) ? folderRange(pattern) : pattern })) };
}
