import type { Database } from '../db/client.ts';
import { readHeads } from '../db/event-log.ts';
import type { LogHead } from '../db/event-log.ts';
import type { Commit } from '../db/transaction.ts';
import { createContact } from './contact.ts';
import type { FeedConsumer, FeedLog, FeedStatus } from './feed-types.ts';
import { createFollowing } from './following.ts';
import { createListener } from './listener.ts';
import { createPoller } from './poller.ts';
import { createTail } from './tail.ts';
import type { Tail } from './tail.ts';

export type { FeedConsumer, FeedStatus } from './feed-types.ts';

const POLL_HEALTHY_MS = 5_000;
const POLL_UNHEALTHY_MS = 1_000;
const APPLY_WAIT_MS = 2_000;
const APPLY_RETRY_MS = 50;

export interface Feed {
  start(): Promise<void>;
  /** Resolves when this node has applied the commit, or after 2 s at most. Never rejects: the commit stands in any case. */
  onCommit(commit: Commit): Promise<void>;
  /** How far the consumers of this node have got; undefined before anything is known of the workspace. */
  head(workspaceId: string): LogHead | undefined;
  /** Whether this node has got that far, after waiting at most so long for it. Never rejects. */
  reach(workspaceId: string, seq: bigint, timeoutMs: number): Promise<boolean>;
  status(): FeedStatus;
  stop(): Promise<void>;
}

/** Tails the event log of every workspace: the database announces a commit, a poll covers announcements that are lost. */
export function createFeed(database: Database, consumers: readonly FeedConsumer[], log: FeedLog): Feed {
  let stopped = false;

  const contact = createContact(log, { onLost: () => poller.schedule() });
  const following = createFollowing(log, { onStuck: () => poller.schedule() });
  const tail = createTail({
    reader: database.control,
    consumers,
    log,
    onAnswer: contact.answered,
    onFailure: contact.failed,
    onDelivered: following.delivered,
    onConsumerFailure: following.failed,
  });
  const poller = createPoller({
    poll: async () => {
      // Settles in any case: the pool of `control` gives up on an answer that does not come.
      tail.advanceTo(await readHeads(database.control));
      contact.answered();
    },
    onFailure: contact.failed,
    intervalMs: () =>
      contact.reachable() && listener.listening() && !following.stuck() ? POLL_HEALTHY_MS : POLL_UNHEALTHY_MS,
  });
  const listener = createListener(database, {
    onAnnounced: (workspaceId) => void tail.advance(workspaceId),
    onGap: () => void poller.now(),
    log,
  });

  return {
    start: async () => {
      listener.start();
      tail.begin(await readHeads(database.control));
      contact.begin();
      // What was announced between that look at the heads and this moment.
      void poller.now();
    },
    onCommit: async (commit) => {
      if ((await waitUntilApplied(tail, commit, APPLY_WAIT_MS)) || stopped) return;
      warnUnserved(log, commit);
    },
    head: (workspaceId) => tail.head(workspaceId),
    reach: (workspaceId, seq, timeoutMs) => waitUntilApplied(tail, { workspaceId, seq }, timeoutMs),
    status: () => ({
      started: contact.begun(),
      reachable: contact.reachable(),
      listening: listener.listening(),
      stuck: following.stuck(),
    }),
    stop: async () => {
      stopped = true;
      contact.end();
      following.end();
      poller.stop();
      await listener.stop();
      await tail.stop();
    },
  };
}

function warnUnserved(log: FeedLog, { workspaceId, seq }: Commit): void {
  log.warn({ workspaceId, seq: String(seq) }, 'a commit is not served by this node after 2 s');
}

async function waitUntilApplied(
  tail: Tail,
  { workspaceId, seq }: Commit,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!tail.hasApplied(workspaceId, seq) && Date.now() < deadline) {
    await Promise.race([tail.advance(workspaceId), delay(deadline - Date.now())]);
    if (!tail.hasApplied(workspaceId, seq)) await delay(APPLY_RETRY_MS);
  }
  return tail.hasApplied(workspaceId, seq);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
