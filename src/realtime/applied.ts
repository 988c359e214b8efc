import type { LogHead, StoredEvent } from '../db/event-log.ts';
import type { FeedConsumer } from './feed-types.ts';

/** A consumer rejected what it was told: whose fault that is, the cause tells. */
export class ConsumerFailure extends Error {}

/** How far the consumers of this node have got, by workspace. */
export interface Applied {
  /** Logs count from where they stand: nothing of them is in memory. */
  begin(heads: ReadonlyMap<string, LogHead>): void;
  get(workspaceId: string): LogHead | undefined;
  /** Workspaces whose head is not what was applied, in either direction. */
  differing(heads: ReadonlyMap<string, LogHead>): string[];
  deliver(workspaceId: string, events: readonly StoredEvent[]): Promise<void>;
  /** Head undefined: the workspace is gone. */
  reset(workspaceId: string, head: LogHead | undefined): Promise<void>;
}

export function createApplied(
  consumers: readonly FeedConsumer[],
  /** Consumers took something, and it counts as applied. */
  onDelivered: (workspaceId: string) => void,
): Applied {
  const applied = new Map<string, LogHead>();

  async function tell(what: (consumer: FeedConsumer) => Promise<void>): Promise<void> {
    try {
      for (const consumer of consumers) await what(consumer);
    } catch (cause) {
      throw new ConsumerFailure('a consumer of the feed failed', { cause });
    }
  }

  return {
    begin: (heads) => {
      for (const [workspaceId, head] of heads) applied.set(workspaceId, head);
    },
    get: (workspaceId) => applied.get(workspaceId),
    differing: (heads) =>
      [...new Set([...heads.keys(), ...applied.keys()])].filter(
        (workspaceId) => !isSamePlace(heads.get(workspaceId), applied.get(workspaceId)),
      ),
    deliver: async (workspaceId, events) => {
      const last = events.at(-1);
      if (last === undefined) return;
      await tell((consumer) => consumer.apply(workspaceId, events));
      applied.set(workspaceId, { seq: last.seq, hash: last.hash });
      onDelivered(workspaceId);
    },
    reset: async (workspaceId, head) => {
      await tell((consumer) => consumer.reset(workspaceId, head));
      if (head === undefined) applied.delete(workspaceId);
      else applied.set(workspaceId, head);
      onDelivered(workspaceId);
    },
  };
}

function isSamePlace(a: LogHead | undefined, b: LogHead | undefined): boolean {
  return a !== undefined && b !== undefined && a.seq === b.seq && Buffer.compare(a.hash, b.hash) === 0;
}
