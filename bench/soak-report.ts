import { hundredths, median, quantile, tenths, whole } from './figures.ts';
import { machine } from './machine.ts';
import { linePlot, writePlot } from './plot.ts';

const MIB = 2 ** 20;
const SETTLED_MS = 5 * 60_000;

export interface Vitals {
  readonly atMs: number;
  readonly rss: number;
  readonly heapUsed: number;
  /** Of the event loop since the sample before. */
  readonly loopP99Ms: number;
  /** Right after a collection of garbage that was asked for. */
  readonly isCollected: boolean;
}

export interface SoakResults {
  readonly minutes: number;
  readonly subscribers: number;
  readonly promotions: number;
  readonly deliveries: number;
  readonly reconnects: number;
  readonly faults: readonly string[];
  readonly samples: readonly Vitals[];
  readonly reads: readonly {
    readonly name: string;
    /** A second, alone. */
    readonly most: number;
    readonly perSecond: number;
    readonly latencyMs: readonly number[];
  }[];
}

interface Slope {
  readonly perHour: number;
  /** Of the slope: what the scatter of the samples lets one believe. */
  readonly error: number;
}

export function soakReport(results: SoakResults, pinned: boolean): string {
  const { samples, faults, reads } = results;
  const settled = samples.filter(({ atMs }) => atMs >= SETTLED_MS);
  const used = settled.length > 10 ? settled : samples.slice(Math.floor(samples.length / 3));
  const collected = used.filter(({ isCollected }) => isCollected);
  const running = used.filter(({ isCollected }) => !isCollected);
  const row = (name: string, from: readonly Vitals[], figure: (one: Vitals) => number) => {
    const values = from.map(figure);
    const slope = slopeOf(from, figure);
    const range = `${tenths(quantile(values, 0) / MIB)}-${tenths(quantile(values, 1) / MIB)}`;
    const perHour = `${tenths(slope.perHour / 1e6)} ± ${tenths(slope.error / 1e6)}`;
    return from.length < 3 ? [] : [`| ${name} | ${tenths(median(values) / MIB)} | ${range} | ${perHour} |`];
  };
  const resident = ({ rss }: Vitals) => rss;
  const heap = ({ heapUsed }: Vitals) => heapUsed;
  const rows = [
    row('resident memory', running, resident),
    row('heap in use', running, heap),
    row('resident memory after a collection, every five minutes', collected, resident),
    row('heap in use after a collection, every five minutes', collected, heap),
  ].flat();
  const loop = running.map(({ loopP99Ms }) => loopP99Ms);
  return `Written by \`npx tsx bench/soak.ts\`: ${results.minutes} minutes of ${whole(results.subscribers)} subscribers (WebSockets and event streams, LATEST and ALL, half each), ${(
    results.promotions /
    results.minutes /
    60
  ).toFixed(1)} promotions a second over eight prompts, and reads at half of what the server answers at most.

![memory over time](benchmarks/soak.svg)

| ${used === settled ? 'after the first five minutes' : 'TOO SHORT for a slope: the last two thirds'} | median, MiB | lowest-highest | slope, MB an hour |
|---|---|---|---|
${rows.join('\n')}

| reads | at most, answers/s | asked, answers/s | p50 ms | p99 ms |
|---|---|---|---|---|
${reads.map(({ name, most, perSecond, latencyMs }) => `| ${name} | ${whole(most)} | ${whole(perSecond)} | ${hundredths(latencyMs[0] ?? Number.NaN)} | ${hundredths(latencyMs[3] ?? Number.NaN)} |`).join('\n')}

- ${whole(results.promotions)} promotions, ${whole(results.deliveries)} deliveries. ${faults.length === 0 ? 'Every ALL subscriber heard every event in order, every LATEST subscriber ended with the newest of each prompt, no read failed.' : `FAULTS: ${faults.join('; ')}.`}
- Streams that ended and were resumed with their cursor: ${whole(results.reconnects)}.
- Delay of the event loop, p99 of five seconds: ${tenths(median(loop))} ms (median), ${tenths(quantile(loop, 1))} ms (worst).
- The slope is that of least squares, with its standard error. Machine: ${machine()}. ${pinned ? 'The server and its PostgreSQL share one core, subscribers and reads the other.' : 'Nothing was pinned to a core.'}`;
}

export async function soakPlot({ samples, minutes }: SoakResults): Promise<void> {
  const points = (figure: (one: Vitals) => number) =>
    samples
      .filter(({ isCollected }) => !isCollected)
      .map((one) => [one.atMs / 60_000, figure(one) / MIB] as const);
  const ticks = Array.from({ length: 7 }, (_, index) => {
    const at = (minutes / 6) * index;
    return { at, text: String(Math.round(at * 10) / 10) };
  });
  const lines = [
    { name: 'resident memory', points: points(({ rss }) => rss) },
    { name: 'heap in use', points: points(({ heapUsed }) => heapUsed) },
  ];
  const title = 'Memory of the server during the soak';
  await writePlot('soak.svg', linePlot(title, { label: 'minutes', ticks }, { label: 'MiB' }, lines));
}

function slopeOf(samples: readonly Vitals[], figure: (one: Vitals) => number): Slope {
  const hours = samples.map(({ atMs }) => atMs / 3_600_000);
  const values = samples.map(figure);
  const [x, y] = [mean(hours), mean(values)];
  const spread = hours.reduce((sum, hour) => sum + (hour - x) ** 2, 0);
  const perHour =
    hours.reduce((sum, hour, index) => sum + (hour - x) * ((values[index] ?? y) - y), 0) / spread;
  const rest = values.reduce(
    (sum, value, index) => sum + (value - y - perHour * ((hours[index] ?? x) - x)) ** 2,
    0,
  );
  return { perHour, error: Math.sqrt(rest / Math.max(1, samples.length - 2) / spread) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
