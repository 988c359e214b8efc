import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  /** One answered request; `route` is a fixed name, never a path. */
  observeRequest(route: string, status: number, seconds: number): void;
}

export function createMetrics(sources: {
  readonly snapshotBytes: () => number;
  readonly isReachable: () => boolean;
}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'promptforge_http_requests_total',
    help: 'Answered HTTP requests',
    labelNames: ['route', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'promptforge_http_request_duration_seconds',
    help: 'Time from the request head to the end of the answer',
    labelNames: ['route'],
    buckets: [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [registry],
  });
  const snapshotBytes = new Gauge({
    name: 'promptforge_serving_snapshot_bytes',
    help: 'Memory that the serving snapshot holds',
    registers: [],
    collect() {
      this.set(sources.snapshotBytes());
    },
  });
  const reachable = new Gauge({
    name: 'promptforge_database_reachable',
    help: '1 while the last contact with the database succeeded',
    registers: [],
    collect() {
      this.set(sources.isReachable() ? 1 : 0);
    },
  });
  registry.registerMetric(snapshotBytes);
  registry.registerMetric(reachable);
  return {
    registry,
    observeRequest: (route, status, duration) => {
      requests.inc({ route, status });
      seconds.observe({ route }, duration);
    },
  };
}
