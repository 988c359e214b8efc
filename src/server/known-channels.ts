import { hasChannel } from '../db/channel-state.ts';
import type { Reader } from '../db/client.ts';
import { ChannelNotFound } from '../domain/channel.ts';

const KNOWN_MAX = 10_000;

export interface KnownChannels {
  /** @throws ChannelNotFound; whatever the database fails with when it must be asked */
  require(workspaceId: string, name: string): Promise<void>;
}

/** Which channels there are: asked once each, however many ask at a time, because a channel is never deleted. */
export function createKnownChannels(reader: Reader): KnownChannels {
  const known = new Set<string>();
  const asking = new Map<string, Promise<boolean>>();
  return {
    require: async (workspaceId, name) => {
      const key = `${workspaceId} ${name}`;
      if (known.has(key)) return;
      const answer =
        asking.get(key) ?? hasChannel(reader, workspaceId, name).finally(() => asking.delete(key));
      asking.set(key, answer);
      if (!(await answer)) throw new ChannelNotFound(name);
      if (known.size >= KNOWN_MAX) known.clear();
      known.add(key);
    },
  };
}
