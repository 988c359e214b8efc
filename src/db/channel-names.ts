import { requireKnownChannels } from '../domain/channel-limits.ts';
import type { Limits } from '../domain/channel-limits.ts';
import type { Tx } from './transaction.ts';

/** Channels are never deleted: one that is there stays. @throws InvalidInput for one that is not. */
export async function requireExistingChannels(
  tx: Tx,
  workspaceId: string,
  path: string,
  limits: Limits,
): Promise<void> {
  const { channels } = limits;
  if (channels === null) return;
  const rows = await tx.channel.findMany({
    where: { workspaceId, name: { in: [...channels] } },
    select: { name: true },
  });
  requireKnownChannels(path, limits, new Set(rows.map(({ name }) => name)));
}
