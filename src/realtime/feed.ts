import type { Database } from '../db/client.ts';
import { readHeads } from '../db/event-log.ts';
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
      if ((await waitUntilApplied(tail, commit)) || stopped) return;
      const place = { workspaceId: commit.workspaceId, seq: String(commit.seq) };
      log.warn(place, 'a commit is not served by this node after 2 s');
    },
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

async function waitUntilApplied(tail: Tail, { workspaceId, seq }: Commit): Promise<boolean> {
  const deadline = Date.now() + APPLY_WAIT_MS;
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
