import type { Database } from '../db/client.ts';
import { createSnapshot } from '../delivery/snapshot.ts';
import type { Snapshot } from '../delivery/snapshot.ts';
import type { Usage } from '../delivery/usage.ts';
import { createFeed } from '../realtime/feed.ts';
import type { Feed } from '../realtime/feed.ts';
import { Hub } from '../realtime/hub.ts';
import type { HubTimes } from '../realtime/hub-deps.ts';
import { createAudience } from './audience.ts';
import { createAuthenticator } from './authenticator.ts';
import type { Authenticator, ConfiguredKey } from './authenticator.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { Streams } from './streams.ts';
import type { StreamTimes } from './streams.ts';
import { startUsage } from './usage.ts';

const SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024;

export interface NodeOptions {
  readonly database: Database;
  readonly log: Log;
  /** This run of this node; nothing outlives it. */
  readonly nodeId: string;
  readonly configured: readonly ConfiguredKey[];
  readonly times: HubTimes & StreamTimes;
}

/** What this node knows beside the database, kept up to date by the feed: keys, what is served, who follows. */
export interface Node {
  readonly authenticator: Authenticator;
  readonly snapshot: Snapshot;
  readonly hub: Hub;
  readonly streams: Streams;
  readonly usage: Usage;
  readonly metrics: Metrics;
  readonly feed: Feed;
  stop(): Promise<void>;
}

export async function startNode({ database, nodeId, log, configured, times }: NodeOptions): Promise<Node> {
  const authenticator = createAuthenticator(database.control, {
    configured,
    isReachable: () => feed.status().reachable,
  });
  const snapshot = createSnapshot(database, {
    bytesMax: SNAPSHOT_BYTES_MAX,
    isReachable: () => !feed.isAway(),
  });
  const streams = new Streams(times, async (value) => (await authenticator.authenticate(value)) !== null);
  const metrics = createMetrics({
    snapshotBytes: () => snapshot.sizeBytes(),
    isReachable: () => feed.status().reachable,
    connections: () => streams.counts(),
    followers: () => hub.counts(),
    feedLagMs: () => feed.worstLagMs(),
  });
  const counting = startUsage({
    database,
    nodeId,
    openStreams: () => audience.open(),
    log,
  });
  const audience = createAudience(counting.usage);
  const hub: Hub = new Hub({
    reader: database.reader,
    control: database.control,
    headOf: (workspaceId) => feed.headOf(workspaceId),
    reach: (workspaceId, seq, timeoutMs) => feed.reach(workspaceId, seq, timeoutMs),
    lagMs: (workspaceId) => feed.lagMs(workspaceId),
    meters: metrics.hub,
    times,
    onFailure: (error) => log.error({ err: error }, 'a stream failed'),
    watch: (follower) => audience.watch(follower),
  });
  // In this order: whoever hears of a promotion and fetches gets it from the snapshot already, and whose key was revoked hears of nothing
  // that was committed after it.
  const feed = createFeed(database, [authenticator, streams, snapshot, hub], log);
  await feed.start().catch(async (error: unknown) => {
    await Promise.all([feed.stop(), counting.stop()]);
    throw error;
  });
  const stop = async () => {
    hub.close();
    await feed.stop();
    await counting.stop();
  };
  const { usage } = counting;
  return { authenticator, snapshot, hub, streams, usage, metrics, feed, stop };
}
