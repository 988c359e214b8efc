import type { FeedLog } from './feed-types.ts';

export interface Following {
  readonly stuck: () => boolean;
  readonly delivered: (workspaceId: string) => void;
  readonly failed: (workspaceId: string, cause: unknown) => void;
  end(): void;
}

/** Which logs the consumers of this node do not follow, told to the log when it changes. */
export function createFollowing(log: FeedLog, { onStuck }: { readonly onStuck: () => void }): Following {
  // By workspace: what is delivered of one says nothing of another.
  const stuck = new Set<string>();
  let ended = false;
  return {
    stuck: () => stuck.size > 0,
    delivered: (workspaceId) => {
      if (stuck.delete(workspaceId))
        log.info({ workspaceId }, 'the consumers of the feed follow the log again');
    },
    failed: (workspaceId, cause) => {
      if (ended || stuck.has(workspaceId)) return;
      stuck.add(workspaceId);
      log.error(
        { workspaceId, err: cause },
        'a consumer of the feed failed: this node does not follow the log',
      );
      onStuck();
    },
    end: () => {
      ended = true;
    },
  };
}
