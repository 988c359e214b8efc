import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { HubMeters } from '../realtime/hub-deps.ts';
import { registerGauge } from './gauge.ts';
import type { CheckpointMeters } from './checkpoints.ts';
import { CountedHistogram } from './counted-histogram.ts';
import { createRequestMeters } from './request-meters.ts';
import type { RequestMeters } from './request-meters.ts';
import { registerSnapshotMetrics } from './snapshot-metrics.ts';
import type { SnapshotFigures } from './snapshot-metrics.ts';
import { serverVersion } from './version.ts';
import type { Transport } from '../realtime/member.ts';

export interface Metrics {
  readonly contentType: string;
  readonly hub: HubMeters;
  readonly checkpoints: CheckpointMeters;
  readonly requests: Pick<RequestMeters, 'observe'>;
  /** Asked when somebody looks: a cache pays nothing for being watched. */
  watch(cache: string, sizeBytes: () => number): void;
  /** Everything, as Prometheus reads it. */
  text(): Promise<string>;
}

export interface MetricSources {
  readonly snapshot: SnapshotFigures;
  readonly isReachable: () => boolean;
  readonly connections: () => Record<Transport, number>;
  readonly feedLagMs: () => number;
  readonly followers: () => { groups: number; members: number; behind: number };
}

export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  registerGauges(registry, sources);
  registerSnapshotMetrics(registry, sources.snapshot);
  new Gauge({
    name: 'promptforge_build_info',
    help: 'Which version this is: always 1',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: serverVersion() }, 1);
  const requests = createRequestMeters();
  const caches = new Map<string, () => number>();
  registerCacheSizes(registry, caches);
  return {
    contentType: registry.contentType,
    hub: createHubMeters(registry),
    checkpoints: createCheckpointMeters(registry),
    requests,
    watch: (cache, sizeBytes) => void caches.set(cache, sizeBytes),
    text: async () => `${requests.text()}\n${await registry.metrics()}`,
  };
}

function registerCacheSizes(registry: Registry, caches: ReadonlyMap<string, () => number>): void {
  registry.registerMetric(
    new Gauge({
      name: 'promptforge_cache_bytes',
      help: 'What the caches beside the serving snapshot hold, as far as it is weighed',
      labelNames: ['cache'],
      registers: [],
      collect() {
        for (const [cache, sizeBytes] of caches) this.set({ cache }, sizeBytes());
      },
    }),
  );
}

function createCheckpointMeters(registry: Registry): CheckpointMeters {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const signed = counter('promptforge_audit_checkpoints_total', 'Checkpoints of logs that this node signed');
  const failed = counter(
    'promptforge_audit_checkpoint_failures_total',
    'Rounds in which checkpoints could not be signed, or did not reach their place outside',
  );
  const contradicted = new Gauge({
    name: 'promptforge_audit_alarms',
    help: 'Workspaces whose log does not hold what its newest signed checkpoint says',
    registers: [registry],
  });
  return {
    signed: (count) => signed.inc(count),
    failed: () => failed.inc(),
    contradicted: (workspaces) => contradicted.set(workspaces),
  };
}

function createHubMeters(registry: Registry): HubMeters {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const delivered = counter('promptforge_stream_frames_total', 'Frames that were written as they happened');
  const replayed = counter(
    'promptforge_stream_replayed_frames_total',
    'Frames that were written to catch up',
  );
  const conflated = counter(
    'promptforge_stream_conflated_events_total',
    'Events that slow subscribers never hear of, because newer ones took their place',
  );
  const cut = new Counter({
    name: 'promptforge_stream_cut_total',
    help: 'Streams that the hub ended',
    labelNames: ['reason'],
    registers: [registry],
  });
  const latency = new CountedHistogram(
    {
      name: 'promptforge_stream_latency_seconds',
      help: "From the commit, by the database's clock, until its last frame was written to a subscriber, once a subscriber",
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    },
    registry,
  );
  return {
    delivered: ({ members, frames }, atMicros) => {
      delivered.inc(members * frames);
      const seconds = Math.max(0, Date.now() / 1_000 - Number(atMicros) / 1_000_000);
      latency.observe(seconds, members);
    },
    replayed: (frames) => replayed.inc(frames),
    conflated: (events) => conflated.inc(events),
    ended: (reason) => cut.inc({ reason }),
  };
}

function registerGauges(registry: Registry, sources: MetricSources): void {
  const gauge = (name: string, help: string, value: () => number) =>
    registerGauge(registry, name, help, value);
  gauge('promptforge_database_reachable', '1 while the last contact with the database succeeded', () =>
    sources.isReachable() ? 1 : 0,
  );
  gauge(
    'promptforge_feed_lag_seconds',
    'How far this node has known itself behind the event log',
    () => sources.feedLagMs() / 1_000,
  );
  gauge('promptforge_subscriptions', 'Subscriptions that are followed', () => sources.followers().members);
  gauge(
    'promptforge_subscriptions_behind',
    'Subscriptions that catch up: just begun, or slow',
    () => sources.followers().behind,
  );
  gauge('promptforge_subscription_groups', 'Different subscriptions', () => sources.followers().groups);
  registry.registerMetric(
    new Gauge({
      name: 'promptforge_stream_connections',
      help: 'Connections that stay open',
      labelNames: ['transport'],
      registers: [],
      collect() {
        for (const [transport, count] of Object.entries(sources.connections()))
          this.set({ transport }, count);
      },
    }),
  );
}
