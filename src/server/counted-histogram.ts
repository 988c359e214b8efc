import type { Histogram, Registry } from 'prom-client';

interface Description {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A histogram that takes the same observation many times at once, which prom-client's own does not: one fan-out is ten thousand of them. */
export class CountedHistogram {
  readonly name: string;
  readonly #help: string;
  readonly #buckets: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor({ name, help, buckets }: Description, registry: Registry) {
    this.name = name;
    this.#help = help;
    this.#buckets = buckets;
    this.#counts = buckets.map(() => 0);
    // A registry asks a metric for its name and calls `get`; the type names the classes that it knows.
    registry.registerMetric(this as unknown as Histogram);
  }

  observe(value: number, times: number): void {
    if (times === 0) return;
    const index = this.#buckets.findIndex((bound) => value <= bound);
    if (index !== -1) this.#counts[index] = (this.#counts[index] ?? 0) + times;
    this.#sum += value * times;
    this.#count += times;
  }

  async get(): Promise<object> {
    let below = 0;
    const buckets = this.#buckets.map((le, index) => {
      below += this.#counts[index] ?? 0;
      return this.#value('bucket', below, { le });
    });
    const values = [
      ...buckets,
      this.#value('bucket', this.#count, { le: '+Inf' }),
      this.#value('sum', this.#sum),
      this.#value('count', this.#count),
    ];
    return { name: this.name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }

  #value(suffix: string, value: number, labels: Sample['labels'] = {}): Sample {
    return { metricName: `${this.name}_${suffix}`, value, labels };
  }
}
