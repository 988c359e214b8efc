import type { App } from '../actions/app.ts';
import type { Database } from '../db/client.ts';
import type { NewId } from '../domain/ids.ts';
import { createSnapshot } from '../delivery/snapshot.ts';
import type { Snapshot } from '../delivery/snapshot.ts';
import type { Usage } from '../delivery/usage.ts';
import { createFeed } from '../realtime/feed.ts';
import type { Feed } from '../realtime/feed.ts';
import { Hub } from '../realtime/hub.ts';
import type { HubTimes } from '../realtime/hub-deps.ts';
import { createKeyCheck } from './api-key-check.ts';
import { startAppliedCursors } from './applied-cursors.ts';
import type { AppliedCursors } from './applied-cursors.ts';
import { createAudience } from './audience.ts';
import { CredentialMemory } from './authenticator.ts';
import type { Authenticator, AuthenticatorOptions, ConfiguredKey } from './authenticator.ts';
import type { OidcConfig } from './config-oidc.ts';
import { startCredentialUses } from './credential-uses.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { createOidc } from './oidc.ts';
import type { KeyTimes } from './oidc.ts';
import { createPersonCheck } from './person-check.ts';
import { Streams } from './streams.ts';
import type { StreamTimes } from './streams.ts';
import { startUsage } from './usage.ts';

export interface NodeOptions {
  readonly database: Database;
  readonly log: Log;
  readonly snapshotBytesMax: number;
  /** This run of this node; nothing outlives it. */
  readonly nodeId: string;
  readonly configured: readonly ConfiguredKey[];
  readonly times: HubTimes & StreamTimes & KeyTimes;
  readonly oidc: OidcConfig | null;
  /** For what a check of credentials records: nobody waits for it. */
  readonly app: App;
  readonly newId: NewId;
}

/** What this node knows beside the database, kept up to date by the feed: keys, what is served, who follows. */
export interface Node {
  readonly authenticator: Authenticator;
  readonly snapshot: Snapshot;
  readonly hub: Hub;
  readonly streams: Streams;
  readonly usage: Usage;
  readonly applied: AppliedCursors;
  readonly metrics: Metrics;
  readonly feed: Feed;
  stop(): Promise<void>;
}

export async function startNode(options: NodeOptions): Promise<Node> {
  const { database, nodeId, log, times } = options;
  const uses = startCredentialUses(database, log);
  const authenticator = authenticatorOf(options, {
    isReachable: () => feed.isReachable(),
    onUse: (actor, nowMs) => uses.note(actor, nowMs),
  });
  const snapshot = createSnapshot(database, {
    bytesMax: options.snapshotBytesMax,
    isReachable: () => !feed.isAway(),
    progress: {
      headOf: (workspaceId) => feed.headOf(workspaceId),
      reach: (workspaceId, seq, timeoutMs) => feed.reach(workspaceId, seq, timeoutMs),
    },
  });
  const streams = new Streams(times, async (value, caller) => authenticator.authenticate(value, caller));
  const metrics = createMetrics({
    snapshot,
    isReachable: () => feed.isReachable(),
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
  const applied = startAppliedCursors(database, log);
  const audience = createAudience(counting.usage, () => counting.listSoon());
  const hub: Hub = new Hub({
    reader: database.reader,
    control: database.control,
    headOf: (workspaceId) => feed.headOf(workspaceId),
    reach: (workspaceId, seq, timeoutMs) => feed.reach(workspaceId, seq, timeoutMs),
    lagMs: (workspaceId) => feed.lagMs(workspaceId),
    meters: metrics.hub,
    times,
    onFailure: (error) => log.error({ err: error }, 'a stream failed'),
    audience,
  });
  // In this order: whoever hears of a promotion and fetches gets it from the snapshot already, and whose key was revoked hears of nothing
  // that was committed after it.
  const feed = createFeed(database, [authenticator, streams, snapshot, hub], log);
  await feed.start().catch(async (error: unknown) => {
    await Promise.all([feed.stop(), counting.stop(), applied.stop(), uses.stop()]);
    throw error;
  });
  const stop = async () => {
    hub.close();
    await feed.stop();
    await Promise.all([counting.stop(), applied.stop(), uses.stop()]);
  };
  const { usage } = counting;
  return { authenticator, snapshot, hub, streams, usage, applied, metrics, feed, stop };
}

/** Keys and people, both asked of the pool that heavy queries do not occupy. */
function authenticatorOf(
  { database: { control: reader }, oidc, app, newId, log, configured, times }: NodeOptions,
  told: Pick<AuthenticatorOptions, 'isReachable' | 'onUse'>,
): Authenticator {
  const issuer = oidc === null ? null : createOidc(oidc, log, times);
  const checkPerson = issuer === null ? null : createPersonCheck({ oidc: issuer, reader, app, newId, log });
  const checkKey = createKeyCheck({ reader, app, log });
  return new CredentialMemory({ checkKey, checkPerson, configured, ...told });
}
