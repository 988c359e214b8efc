import type { Database } from '../db/client.ts';
import type { OpenStream } from '../db/stream-subscribers.ts';
import type { Log } from './log.ts';
import { atMost, startRounds } from './rounds.ts';
import { SubscriberListing } from './subscriber-listing.ts';

const WRITE_MS = 5_000;
/** Who comes and goes is listed that soon: whoever waits for all who listen must not overlook those who have just come. */
const SOON_MS = 20;
/** But no more often than that, however many come. */
const SOON_EVERY_MS = 250;
const STOP_MS = 5_000;

export interface SubscriberTable {
  /** Writes what is open now. Never rejects: what could not be written is written the next time. */
  write(): Promise<void>;
  /** Somebody came or went: writes that in a moment, and leaves cursors that moved for the next time. */
  soon(): void;
  /** Takes this node's streams out of the table. */
  stop(): Promise<void>;
}

/**
 * Lets every node see who listens to this one: writes the streams that were opened or closed since the last time, how far they
 * are, and that the node is there. Ten thousand streams that hear the same cost one row every few seconds and one more when they were told
 * something, a node without streams nothing.
 */
export function startSubscriberTable(options: {
  readonly database: Pick<Database, 'writer'>;
  readonly nodeId: string;
  readonly openStreams: () => readonly OpenStream[];
  readonly log: Log;
}): SubscriberTable {
  const { database, nodeId, openStreams, log } = options;
  const listing = new SubscriberListing(database.writer, nodeId);
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
