import type { Database } from '../db/client.ts';
import { announceNode, deleteNode, deleteStreams, upsertStreams } from '../db/stream-subscribers.ts';
import type { OpenStream, StreamKey } from '../db/stream-subscribers.ts';
import type { Log } from './log.ts';
import { atMost, startRounds } from './rounds.ts';

const WRITE_MS = 5_000;
/** Who comes and goes is listed that soon: whoever waits for all who listen must not overlook those who have just come. */
const SOON_MS = 20;
/** But no more often than that, however many come. */
const SOON_EVERY_MS = 250;
const STOP_MS = 5_000;
const BATCH = 1_000;

export interface SubscriberTable {
  /** Writes what is open now. Never rejects: what could not be written is written the next time. */
  write(): Promise<void>;
  /** Somebody came or went: writes that in a moment, and leaves cursors that moved for the next time. */
  soon(): void;
  /** Takes this node's streams out of the table. */
  stop(): Promise<void>;
}

interface Written extends StreamKey {
  readonly lastCursor: string | null;
}

/**
 * Lets every node see who listens to this one: writes the streams that were opened, closed or sent something since the last time, and
 * that the node is there. Ten thousand idle streams cost one row every few seconds, a node without streams nothing.
 */
export function startSubscriberTable(options: {
  readonly database: Pick<Database, 'writer'>;
  readonly nodeId: string;
  readonly openStreams: () => readonly OpenStream[];
  readonly log: Log;
}): SubscriberTable {
  const { database, nodeId, openStreams, log } = options;
  const listing = createListing(database.writer, nodeId);
  let timer: NodeJS.Timeout | undefined;
  let soonMs = 0;
  let isBrief = false;
  let isStopped = false;
  const rounds = startRounds({
    everyMs: WRITE_MS,
    round: () => {
      const brief = isBrief;
      isBrief = false;
      return listing.write(openStreams(), { brief });
    },
    onFailing: (error) => log.warn({ err: error }, 'the open streams could not be listed for other nodes'),
    onWorking: () => log.info({}, 'the open streams are listed again'),
  });

  return {
    write: () => rounds.now(),
    soon: () => {
      if (isStopped) return;
      const waitMs = Math.max(SOON_MS, soonMs + SOON_EVERY_MS - performance.now());
      timer ??= setTimeout(() => {
        timer = undefined;
        soonMs = performance.now();
        isBrief = true;
        void rounds.now();
      }, waitMs).unref();
    },
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await atMost(STOP_MS, rounds.stop());
      const leave = listing.leave().catch((error: unknown) => {
        log.warn({ err: error }, 'the open streams of this node stay listed until it counts as gone');
      });
      await atMost(STOP_MS, leave);
    },
  };
}

/** What the table holds of this node. */
function createListing(writer: Database['writer'], nodeId: string) {
  const written = new Map<string, Written>();
  /** Every workspace that may hold a row of this node. */
  const announced = new Set<string>();

  async function announce(open: readonly OpenStream[]): Promise<void> {
    const workspaceIds = new Set(open.map((stream) => stream.workspaceId));
    if (workspaceIds.size === 0) return;
    for (const workspaceId of workspaceIds) announced.add(workspaceId);
    const unknown = new Set(await announceNode(writer, nodeId, [...workspaceIds]));
    // The first time there is nothing to forget. Later: silent for so long that another node swept this one out, rows and all.
    for (const { id, workspaceId } of written.values()) if (unknown.has(workspaceId)) written.delete(id);
  }

  return {
    /** `brief`: who came and who went, and not how far the others are. */
    write: async (streams: readonly OpenStream[], { brief }: { readonly brief: boolean }): Promise<void> => {
      await announce(streams);
      const isDue = ({ id, lastCursor }: OpenStream) => {
        const known = written.get(id);
        return known === undefined || (!brief && known.lastCursor !== lastCursor);
      };
      for (const batch of batchesOf(streams.filter(isDue))) {
        // As it is now: a stream may be sent more while this is written.
        const rows = batch.map((stream) => ({ ...stream }));
        await upsertStreams(writer, nodeId, rows);
        for (const { id, workspaceId, lastCursor } of rows) written.set(id, { id, workspaceId, lastCursor });
      }
      const open = new Set(streams.map(({ id }) => id));
      for (const batch of batchesOf([...written.values()].filter(({ id }) => !open.has(id)))) {
        await deleteStreams(writer, nodeId, batch);
        for (const { id } of batch) written.delete(id);
      }
    },
    leave: async (): Promise<void> => {
      if (announced.size > 0) await deleteNode(writer, nodeId, [...announced]);
    },
  };
}

function batchesOf<T>(rows: readonly T[]): T[][] {
  const batches: T[][] = [];
  for (let at = 0; at < rows.length; at += BATCH) batches.push(rows.slice(at, at + BATCH));
  return batches;
}
