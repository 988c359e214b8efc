import { hasChannel } from '../db/channel-state.ts';
import type { Reader } from '../db/client.ts';
import { ChannelNotFound } from '../domain/channel.ts';

const KNOWN_MAX = 10_000;

export interface KnownChannels {
  /** @throws ChannelNotFound; whatever the database fails with when it must be asked */
  require(workspaceId: string, name: string): Promise<void>;
}

/** Which channels there are: asked once each, because a channel is never deleted; ten thousand who come back at once ask nothing. */
export function createKnownChannels(reader: Reader): KnownChannels {
  const known = new Set<string>();
  return {
    require: async (workspaceId, name) => {
      const key = `${workspaceId} ${name}`;
      if (known.has(key)) return;
      if (!(await hasChannel(reader, workspaceId, name))) throw new ChannelNotFound(name);
      if (known.size >= KNOWN_MAX) known.clear();
      known.add(key);
    },
  };
}
