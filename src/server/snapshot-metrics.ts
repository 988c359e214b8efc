import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Snapshot } from '../delivery/snapshot.ts';
import { registerGauge } from './gauge.ts';

export type SnapshotFigures = Pick<Snapshot, 'sizeBytes' | 'absencesBytes' | 'counts'>;

/** Plain numbers of the snapshot, taken when somebody looks: on the way of a read nothing is paid for them. */
export function registerSnapshotMetrics(registry: Registry, snapshot: SnapshotFigures): void {
  const counter = (name: string, help: string, value: () => number) =>
    registry.registerMetric(
      new Counter({
        name,
        help,
        registers: [],
        collect() {
          this.reset();
          this.inc(value());
        },
      }),
    );
  const gauge = (name: string, help: string, value: () => number) =>
    registerGauge(registry, name, help, value);
  gauge('promptforge_serving_snapshot_bytes', 'Memory that the serving snapshot holds', () =>
    snapshot.sizeBytes(),
  );
  gauge('promptforge_serving_snapshot_absences_bytes', 'Of that: what is known not to be served', () =>
    snapshot.absencesBytes(),
  );
  counter(
    'promptforge_serving_snapshot_hits_total',
    'Lookups answered from memory, absences included',
    () => snapshot.counts().hits,
  );
  counter(
    'promptforge_serving_snapshot_absent_hits_total',
    'Lookups answered from memory, that nothing is served',
    () => snapshot.counts().absent,
  );
  counter(
    'promptforge_serving_snapshot_misses_total',
    'Lookups that waited for the database',
    () => snapshot.counts().misses,
  );
  counter(
    'promptforge_serving_snapshot_loads_total',
    'Misses that asked the database: those that miss the same at one moment ask once',
    () => snapshot.counts().loads,
  );
  counter(
    'promptforge_serving_snapshot_evictions_total',
    'Versions pushed out of memory for want of room',
    () => snapshot.counts().evictions,
  );
}
