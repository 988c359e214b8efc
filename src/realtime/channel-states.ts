import { LRUCache } from 'lru-cache';
import { readChannelState } from '../db/channel-state.ts';
import type { ChannelState } from '../db/channel-state.ts';
import type { Reader } from '../db/client.ts';
import type { CommitLog } from './commit-log.ts';

const KEPT_MAX = 16;

interface Kept {
  /** Where this node was in the log when it was read, and how far the state was to be at least. */
  readonly at: string | undefined;
  readonly wanted: bigint;
  readonly promise: Promise<ChannelState>;
}

/** What channels serve, for those who begin with a snapshot: read once for all who ask before the log moves on. */
export class ChannelStates {
  readonly #reader: Reader;
  readonly #log: CommitLog;
  readonly #kept = new LRUCache<string, Kept>({ max: KEPT_MAX });

  constructor(reader: Reader, log: CommitLog) {
    this.#reader = reader;
    this.#log = log;
  }

  /** `wanted`: a client has seen this sequence already, perhaps on a node that is further on. */
  read(workspaceId: string, channel: string, wanted: bigint): Promise<ChannelState> {
    const key = `${workspaceId} ${channel}`;
    const at = this.#log.head(workspaceId)?.cursor;
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.at === at && kept.wanted >= wanted) return kept.promise;
    const promise = readChannelState(this.#reader, workspaceId, channel);
    const own = { at, wanted, promise };
    this.#kept.set(key, own);
    promise.catch(() => {
      if (this.#kept.get(key) === own) this.#kept.delete(key);
    });
    return promise;
  }
}
