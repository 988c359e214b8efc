import { systemActor } from '../domain/actor.ts';
import { LATEST, STABLE } from '../domain/channel.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface EnsureWorkspaceInput {
  readonly slug: string;
  readonly name: string;
}

/** Whether the call created the workspace, or found it. */
export interface EnsuredWorkspace {
  readonly id: string;
  readonly created: boolean;
}

const CHANNELS = [
  { name: LATEST, description: 'Follows every save: development and staging.' },
  { name: STABLE, description: 'Production: moves only when somebody promotes.' },
];

/** Creates the workspace with its two channels, unless it exists. Safe when several nodes start at once. */
export async function ensureWorkspace(
  deps: ActionDeps,
  input: EnsureWorkspaceInput,
): Promise<EnsuredWorkspace> {
  const id = deps.newId();
  const actor = systemActor(id);
  return inTransaction<EnsuredWorkspace>(
    deps,
    actor,
    async (tx) => {
      const existing = await tx.workspace.findUnique({ where: { slug: input.slug }, select: { id: true } });
      if (existing !== null) return { answer: { id: existing.id, created: false }, events: [] };
      const createdAt = deps.clock();
      await tx.workspace.createMany({ data: { id, slug: input.slug, name: input.name, createdAt } });
      const channels = CHANNELS.map((channel) => ({
        ...channel,
        id: deps.newId(),
        workspaceId: id,
        createdAt,
      }));
      await tx.channel.createMany({ data: channels });
      const events = channels.map((channel) => ({
        payload: { type: 'ChannelCreated', channelId: channel.id, channel: channel.name } as const,
      }));
      return {
        answer: { id, created: true },
        events: [{ payload: { type: 'WorkspaceCreated', slug: input.slug } }, ...events],
      };
    },
    isUniqueViolation,
  );
}
