import { hundredths, median, quantile, tenths } from './figures.ts';
import type { PushResults, Transport } from './push-report.ts';
import type { Round, Runner } from './race.ts';

type Comparison = '<=' | '>=';

/** What we want to reach, beside what was measured: also where it was missed. */
export function targetRows({ webSocket, sse }: PushResults): string[] {
  const spreadMs = ({ spreadMs: ms }: Round) => ms;
  const lastMs = ({ lastMs: ms }: Round) => ms;
  const cpu = webSocket.heats.at(-1)?.rounds.forge.map((round) => round.cpuMsPerThousand) ?? [];
  const p99 = (ms: readonly number[] | undefined) => quantile(ms ?? [], 0.99);
  const rows = [
    row(
      'T8',
      'WebSocket, first frame to last / bare `ws.send`',
      '<=',
      1.25,
      ratio(webSocket, 'bare', spreadMs),
    ),
    row(
      'T9',
      'graphql-ws as it comes / WebSocket, trigger to last frame',
      '>=',
      4,
      1 / ratio(webSocket, 'asItComes', lastMs),
    ),
    row('T10', 'CPU ms per 1,000 deliveries', '<=', 14, median(cpu)),
    row('T11', 'GET p99 ms beside fan-outs', '<=', 10, p99(webSocket.reads.forge)),
    row('T12', 'KiB of an idle subscription', '<=', 14, webSocket.memory.forge / 1_024),
    row(
      'T13',
      'event stream, first frame to last / bare `res.write`',
      '<=',
      1.15,
      ratio(sse, 'bare', spreadMs),
    ),
    row(
      'T13',
      "Yoga's event stream / ours, trigger to last frame",
      '>=',
      10,
      1 / ratio(sse, 'asItComes', lastMs),
    ),
  ];
  const bounds = [75, 250];
  const commits = webSocket.commits.map(({ subscribers, fromAcknowledged }, index) =>
    row(
      'T15',
      `acknowledged to frame, ${subscribers} subscribers, p99 ms`,
      '<=',
      bounds[index] ?? 0,
      p99(fromAcknowledged),
    ),
  );
  return [...rows, ...commits];
}

/** PromptForge to the other, with the largest audience: the median of neighbouring rounds. */
function ratio({ heats }: Transport, other: Runner, figure: (round: Round) => number): number {
  const rounds = heats.at(-1)?.rounds;
  if (rounds === undefined) return Number.NaN;
  return median(rounds.forge.map((own, index) => figure(own) / figure(rounds[other][index] ?? own)));
}

function row(target: string, what: string, comparison: Comparison, bound: number, measured: number): string {
  const isMet = comparison === '<=' ? measured <= bound : measured >= bound;
  const figure = bound < 2 ? hundredths(measured) : tenths(measured);
  return `| ${target} | ${what} ${comparison} ${bound} | ${figure} | ${isMet ? 'met' : '**missed**'} |`;
}
