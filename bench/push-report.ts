import { hundredths, median, quantile, spread, tenths, whole } from './figures.ts';
import { machine } from './machine.ts';
import { RUNNERS } from './race.ts';
import type { Heat, Round, Runner } from './race.ts';

/** Bytes that one idle subscription adds. */
export type Memory = Readonly<Record<Runner, number>>;

/** Milliseconds of GETs beside fan-outs; `quiet`: PromptForge without any. */
export type Reads = Readonly<Record<Runner | 'quiet', number[]>>;

/** Milliseconds from a promotion to each of its frames. */
export interface Commits {
  readonly subscribers: number;
  readonly commits: number;
  readonly fromRequest: readonly number[];
  readonly fromAcknowledged: readonly number[];
}

export interface Transport {
  readonly heats: readonly Heat[];
  readonly memory: Memory;
}

export interface PushResults {
  readonly webSocket: Transport & { readonly commits: readonly Commits[]; readonly reads: Reads };
  readonly sse: Transport;
  readonly pinned: boolean;
  readonly rounds: number;
  /** Share of the machine that others used before and after. */
  readonly others: readonly number[];
}

export const WEB_SOCKET = {
  forge: 'PromptForge',
  bare: 'bare `ws.send`',
  asItComes: 'graphql-ws as it comes',
  second: '',
};
export const SSE = {
  forge: 'PromptForge',
  bare: 'bare `res.write`',
  asItComes: 'GraphQL Yoga as it comes',
  second: 'graphql-sse as it comes',
};

/** The section as Markdown. */
export function pushReport(results: PushResults): string {
  const { webSocket, sse, pinned, rounds, others } = results;
  const heats = [...webSocket.heats, ...sse.heats];
  const loadShare = Math.max(
    ...heats.flatMap(({ rounds: { bare } }) => bare.map((round) => round.loadShare)),
  );
  return `Written by \`npm run bench:push\`: one promotion of about 2 kB to many subscribers of one process, all with the same subscription. PromptForge
runs as its production build with everything on that is on in production, and is triggered by \`promoteVersion\` over HTTP; the others are
triggered by a request, and send the same bytes: \`ws.send\` and \`res.write\` of a prepared buffer in one loop, graphql-ws by \`useServer\` and
GraphQL Yoga's own event stream with an iterator for each subscriber. All hold their subscribers at the same time and are measured in turns.

![time of the last frame against the number of subscribers](benchmarks/fan-out.svg)

### Fan-out over WebSocket

${heatTable(webSocket.heats, WEB_SOCKET)}

### Fan-out over server-sent events

![the same over event streams](benchmarks/fan-out-sse.svg)

${heatTable(sse.heats, SSE)}

\`last\`: milliseconds from the trigger to the last frame, for PromptForge the whole promotion: HTTP, commit, the feed's way from the database,
one rendering. \`first to last\`: milliseconds from the first frame that arrives anywhere to the last one, the fan-out itself. \`CPU\`: milliseconds of the
server process for 1,000 deliveries. Median (lowest-highest) of ${rounds} rounds; ratios are those of neighbouring rounds.

### Memory of an idle subscription

| | PromptForge | bare | graphql-ws, Yoga | graphql-sse |
|---|---|---|---|---|
| WebSocket, KiB | ${memoryCells(webSocket.memory)} |
| server-sent events, KiB | ${memoryCells(sse.memory)} |

What the second half of the subscriptions adds to the resident memory, its connection included, after a collection of garbage.

### Reads beside fan-outs to ${whole(webSocket.heats[1]?.subscribers ?? 0)}

| GETs of about 2 kB, one every 4 ms | p50 ms | p99 ms | slowest ms |
|---|---|---|---|
${readRows(webSocket.reads).join('\n')}

Fan-outs follow each other without a pause; every one of PromptForge's is a promotion with its commit.

### From the commit to the frame

| subscribers | promotions | request to frame, p50 / p99 ms | acknowledged to frame, p50 / p99 ms |
|---|---|---|---|
${webSocket.commits.map(commitRow).join('\n')}

Through the whole product over WebSocket. The answer to \`promoteVersion\` waits until this node serves the commit, so most frames are there
before it: negative.

- Machine: ${machine()}. Others used ${others.map((share) => `${Math.round(share * 100)} %`).join(' and ')} of it right before and right after.
- ${pinned ? 'The servers, and PostgreSQL with them, share one core, the load has another (taskset).' : 'Nothing was pinned to a core: read the ratios with care.'}
- The load used ${Math.round(loadShare * 100)} % of its core at most beside the bare servers: ${loadShare < 0.97 ? 'it was not the limit' : 'IT WAS THE LIMIT, the bare servers would be faster'}.
- On a busy machine every figure in milliseconds is the neighbours' as much as ours, GETs above all: compare it with the row without fan-outs.`;
}

function heatTable(heats: readonly Heat[], names: Readonly<Record<Runner, string>>): string {
  const rows = heats.flatMap(({ subscribers, rounds }) =>
    presentIn(rounds).map((runner) => {
      const of = (figure: (round: Round) => number) => rounds[runner].map(figure);
      const [last, inside] = [of(({ lastMs }) => lastMs), of(({ spreadMs }) => spreadMs)];
      const ratios = rounds.bare.map((bare, index) => (last[index] ?? Number.NaN) / bare.lastMs);
      const insideRatios = rounds.bare.map((bare, index) => (inside[index] ?? Number.NaN) / bare.spreadMs);
      const cpu = of(({ cpuMsPerThousand }) => cpuMsPerThousand);
      const cells = [
        whole(subscribers),
        `${names[runner]}, ${rounds[runner][0]?.bytes ?? 0} bytes`,
        spread(last, tenths),
        hundredths(median(ratios)),
        spread(inside, tenths),
        hundredths(median(insideRatios)),
        spread(cpu, tenths),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  );
  return `| subscribers | | last | to bare | first to last | to bare | CPU |
|---|---|---|---|---|---|---|
${rows.join('\n')}`;
}

export function presentIn(found: Readonly<Record<Runner, readonly unknown[]>>): Runner[] {
  return RUNNERS.filter((runner) => found[runner].length > 0);
}

function memoryCells(memory: Memory): string {
  return RUNNERS.map((runner) => (memory[runner] === 0 ? '' : tenths(memory[runner] / 1_024))).join(' | ');
}

function readRows({ quiet, ...beside }: Reads): string[] {
  const row = (name: string, ms: readonly number[]) =>
    `| ${name} | ${[0.5, 0.99, 1].map((share) => tenths(quantile(ms, share))).join(' | ')} |`;
  return [
    row('PromptForge, no fan-outs', quiet),
    ...presentIn(beside).map((runner) => row(WEB_SOCKET[runner], beside[runner])),
  ];
}

function commitRow({ subscribers, commits, fromRequest, fromAcknowledged }: Commits): string {
  const cell = (ms: readonly number[]) => `${tenths(quantile(ms, 0.5))} / ${tenths(quantile(ms, 0.99))}`;
  return `| ${whole(subscribers)} | ${commits} | ${cell(fromRequest)} | ${cell(fromAcknowledged)} |`;
}
