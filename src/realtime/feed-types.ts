import type { LogHead, StoredEvent } from '../db/event-log.ts';

/** Told of everything that was committed, in order, whole commits at a time. A consumer that rejects is told the same again. */
export interface FeedConsumer {
  apply(workspaceId: string, events: readonly StoredEvent[]): Promise<void>;
  /** History is not a continuation of what was applied (restore, fail-over): nothing in memory may be trusted. Head undefined: it is gone. */
  reset(workspaceId: string, head: LogHead | undefined): Promise<void>;
}

export interface FeedLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface FeedStatus {
  readonly started: boolean;
  /** Whether the last contact with the database succeeded. */
  readonly reachable: boolean;
  readonly listening: boolean;
  /** A consumer failed for a reason of its own: this node does not follow some workspace's log. */
  readonly stuck: boolean;
  /** For longer than it takes otherwise this node has not got to the end of some log, though the database answers. */
  readonly behind: boolean;
}
