import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** A figure that is looked up when somebody asks for it. */
export function registerGauge(registry: Registry, name: string, help: string, value: () => number): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(value());
      },
    }),
  );
}
