import type { Database } from '../db/client.ts';
import { readHeads } from '../db/event-log.ts';
import type { LogHead } from '../db/event-log.ts';
import { createContact } from './contact.ts';
import type { FeedConsumer, FeedLog, FeedStatus } from './feed-types.ts';
import { createFollowing } from './following.ts';
import { createFreshness } from './freshness.ts';
import { createListener } from './listener.ts';
import { createPoller } from './poller.ts';
import { createReaching } from './reaching.ts';
import { createTail } from './tail.ts';

export type { FeedConsumer, FeedStatus } from './feed-types.ts';

const POLL_HEALTHY_MS = 5_000;
const POLL_UNHEALTHY_MS = 1_000;
/** A look at the heads that takes longer has failed: the pool of `control` gives up on it. */
const LOOK_MS = 3_000;
const BEHIND_MAX_MS = 10_000;
const APPLY_WAIT_MS = 2_000;

export interface Feed {
  start(): Promise<void>;
  /** Resolves when this node has applied the commit, or after 2 s at most. Never rejects: the commit stands in any case. */
  onCommit(commit: { readonly workspaceId: string; readonly seq: bigint }): Promise<void>;
  /** Whether this node has applied everything up to the sequence: at once, without a statement, or after looking for it for a while. */
  readonly reach: (workspaceId: string, seq: bigint, timeoutMs: number) => Promise<boolean>;
  /** How far this node has applied the log; undefined: it knows nothing of the workspace. */
  readonly headOf: (workspaceId: string) => LogHead | undefined;
  /**
   * How far this node is behind the log of a workspace: 0 when its last look at the heads is fresh and found everything applied, otherwise
   * how long ago it last knew itself up to date.
   */
  readonly lagMs: (workspaceId: string) => number;
  /** The largest of them. */
  readonly worstLagMs: () => number;
  /** Whether the last contact with the database succeeded. */
  readonly isReachable: () => boolean;
  /** Whether the database has answered nothing for a while: who asks it now waits for nothing. */
  readonly isAway: () => boolean;
  status(): FeedStatus;
  stop(): Promise<void>;
}

/** Tails the event log of every workspace: the database announces a commit, a poll covers announcements that are lost. */
export function createFeed(database: Database, consumers: readonly FeedConsumer[], log: FeedLog): Feed {
  const { contact, following, freshness, tail, reaching, poller, listener } = connectParts(
    database,
    consumers,
    log,
  );
  let stopped = false;

  return {
    start: async () => {
      listener.start();
      tail.begin(await readHeads(database.control));
      freshness.looked(nowMs(), []);
      contact.begin();
      // What was announced between that look at the heads and this moment.
      void poller.now();
    },
    onCommit: async ({ workspaceId, seq }) => {
      if ((await reaching.reach(workspaceId, seq, APPLY_WAIT_MS)) || stopped) return;
      log.warn({ workspaceId, seq: String(seq) }, 'a commit is not served by this node after 2 s');
    },
    reach: reaching.reach,
    headOf: tail.headOf,
    isReachable: contact.reachable,
    isAway: contact.isAway,
    lagMs: freshness.lagMs,
    worstLagMs: freshness.worstLagMs,
    status: () => ({
      started: contact.begun(),
      reachable: contact.reachable(),
      listening: listener.listening(),
      stuck: following.stuck(),
      behind: isBehind(freshness.knownMs(), contact.answeringSinceMs()),
    }),
    stop: async () => {
      stopped = true;
      contact.end();
      following.end();
      reaching.stop();
      poller.stop();
      await listener.stop();
      await tail.stop();
    },
  };
}

/** While the database is away no node knows better; afterwards this one gets its time to catch up. */
function isBehind(knownMs: number, answeringSinceMs: number | null): boolean {
  return answeringSinceMs !== null && nowMs() - Math.max(knownMs, answeringSinceMs) > BEHIND_MAX_MS;
}

/** The parts of a feed, each told what the others find out. */
function connectParts(database: Database, consumers: readonly FeedConsumer[], log: FeedLog) {
  const contact = createContact(log, {
    onLost: () => {
      database.renewControl();
      poller.schedule();
    },
    nowMs,
  });
  const following = createFollowing(log, { onStuck: () => poller.schedule() });
  const tail = createTail({
    reader: database.control,
    consumers,
    log,
    onAnswer: contact.answered,
    onFailure: contact.failed,
    onDelivered: (workspaceId) => {
      following.delivered(workspaceId);
      reaching.progressed(workspaceId);
    },
    onConsumerFailure: following.failed,
    onCaughtUp: (workspaceId, atMs) => freshness.caughtUp(workspaceId, atMs),
    nowMs,
  });
  const reaching = createReaching({
    hasApplied: (workspaceId, seq) => (tail.headOf(workspaceId)?.seq ?? -1n) >= seq,
    underWay: (workspaceId) => tail.underWay(workspaceId),
    advance: (workspaceId) => tail.advance(workspaceId),
  });
  const intervalMs = () =>
    contact.reachable() && listener.listening() && !following.stuck() ? POLL_HEALTHY_MS : POLL_UNHEALTHY_MS;
  const poller = createPoller({
    poll: async () => {
      // Settles in any case: the pool of `control` gives up on an answer that does not come.
      const atMs = nowMs();
      freshness.looked(atMs, tail.advanceTo(await readHeads(database.control)));
      contact.answered();
    },
    onFailure: contact.failed,
    intervalMs,
  });
  const freshness = createFreshness({ lookAgeMaxMs: () => intervalMs() + LOOK_MS, nowMs });
  const listener = createListener(database, {
    onAnnounced: (workspaceId) => void tail.advance(workspaceId),
    onGap: () => void poller.now(),
    log,
  });
  return { contact, following, freshness, tail, reaching, poller, listener };
}

function nowMs(): number {
  return performance.now();
}
