import { LATEST, STABLE } from '../domain/channel.ts';
import type { NewEvent } from '../domain/event.ts';
import type { ActionDeps, Tx } from './transaction.ts';

const CHANNELS = [
  { name: LATEST, description: 'Follows every save: development and staging.' },
  { name: STABLE, description: 'Production: moves only when somebody promotes.' },
];

/** Writes a workspace, and the two channels that every one has. @returns the events of its channels. */
export async function insertWorkspace(
  deps: Pick<ActionDeps, 'clock' | 'newId'>,
  tx: Tx,
  workspace: {
    readonly id: string;
    readonly slug: string;
    readonly name: string;
    readonly withChannels: boolean;
  },
): Promise<NewEvent[]> {
  const { id, slug, name, withChannels } = workspace;
  const createdAt = deps.clock();
  await tx.workspace.createMany({ data: { id, slug, name, createdAt } });
  if (!withChannels) return [];
  const channels = CHANNELS.map((channel) => ({ ...channel, id: deps.newId(), workspaceId: id, createdAt }));
  await tx.channel.createMany({ data: channels });
  return channels.map((channel) => ({
    payload: { type: 'ChannelCreated', channelId: channel.id, channel: channel.name } as const,
  }));
}
