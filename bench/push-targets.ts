import { median, quantile } from './figures.ts';
import type { PushResults, Transport } from './push-report.ts';
import type { Round, Runner } from './race.ts';
import type { Target } from './results.ts';

const COMMIT_BOUNDS_MS = [75, 250];

/** What we want to reach, beside what was measured: also where it was missed. */
export function pushTargets({ webSocket, sse }: PushResults): Target[] {
  const spreadMs = ({ spreadMs: ms }: Round) => ms;
  const lastMs = ({ lastMs: ms }: Round) => ms;
  const cpu = webSocket.heats.at(-1)?.rounds.forge.map((round) => round.cpuMsPerThousand) ?? [];
  const atMost = (target: string, what: string, bound: number, measured: number, unit?: string): Target => ({
    target,
    what,
    comparison: '<=',
    bound,
    measured,
    ...(unit === undefined ? {} : { unit }),
  });
  const atLeast = (target: string, what: string, bound: number, measured: number): Target => ({
    target,
    what,
    comparison: '>=',
    bound,
    measured,
  });
  const sockets = `${webSocket.heats.at(-1)?.subscribers.toLocaleString('en-US') ?? 'no'} WebSockets`;
  return [
    atMost(
      'T8',
      `${sockets}, first frame to last / bare \`ws.send\``,
      1.25,
      ratio(webSocket, 'bare', spreadMs),
    ),
    atLeast(
      'T9',
      `graphql-ws as it comes / ${sockets}, trigger to last frame`,
      4,
      1 / ratio(webSocket, 'asItComes', lastMs),
    ),
    atMost('T10', 'CPU of 1,000 deliveries', 14, median(cpu), 'ms'),
    atMost('T11', 'GET p99 beside fan-outs to 5,000', 10, quantile(webSocket.reads.forge, 0.99), 'ms'),
    atMost('T12', 'memory of an idle subscription', 14, webSocket.memory.forge / 1_024, 'KiB'),
    atMost(
      'T13',
      'event streams, first frame to last / bare `res.write`',
      1.15,
      ratio(sse, 'bare', spreadMs),
    ),
    atLeast(
      'T13',
      "Yoga's event streams / ours, trigger to last frame",
      10,
      1 / ratio(sse, 'asItComes', lastMs),
    ),
    ...webSocket.commits.map(({ subscribers, fromAcknowledged }, index) =>
      atMost(
        'T15',
        `acknowledged to frame, ${subscribers.toLocaleString('en-US')} subscribers, p99`,
        COMMIT_BOUNDS_MS[index] ?? 0,
        quantile(fromAcknowledged, 0.99),
        'ms',
      ),
    ),
  ];
}

/** PromptForge to the other, with the largest audience: the median of neighbouring rounds. */
function ratio({ heats }: Transport, other: Runner, figure: (round: Round) => number): number {
  const rounds = heats.at(-1)?.rounds;
  if (rounds === undefined) return Number.NaN;
  return median(rounds.forge.map((own, index) => figure(own) / figure(rounds[other][index] ?? own)));
}
