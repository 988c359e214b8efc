import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { CHANNELS_MAX, requireChannelDescription, requireNewChannelName } from '../domain/channel.ts';
import { InvalidInput } from '../domain/errors.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface CreateChannelInput {
  readonly name: string;
  readonly description?: string | null | undefined;
}

/**
 * Creates a channel that serves nothing yet.
 * @returns the channel's id.
 * @throws InvalidInput, ChannelReserved, Forbidden, Unavailable
 */
export async function createChannel(
  deps: ActionDeps,
  actor: Actor,
  input: CreateChannelInput,
): Promise<string> {
  requireCan(actor, 'channels:manage');
  const { workspaceId } = actor;
  const name = requireNewChannelName(input.name);
  const description = requireChannelDescription(input.description);
  return inTransaction(deps, actor, async (tx) => {
    // Creations queue on the workspace, so that neither the name nor the limit can be overtaken.
    await tx.$executeRaw`SELECT 1 FROM "workspace" WHERE id = ${workspaceId}::uuid FOR NO KEY UPDATE`;
    const existing = await tx.channel.findMany({ where: { workspaceId }, select: { name: true } });
    if (existing.some((channel) => channel.name === name))
      throw new InvalidInput('name', `channel "${name}" exists already`);
    if (existing.length >= CHANNELS_MAX)
      throw new InvalidInput('name', `a workspace has at most ${CHANNELS_MAX} channels`);
    const id = deps.newId();
    await tx.channel.createMany({ data: { workspaceId, id, name, description, createdAt: deps.clock() } });
    return { answer: id, events: [{ payload: { type: 'ChannelCreated', channelId: id, channel: name } }] };
  });
}
