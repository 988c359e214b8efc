import { hundredths, median, spread, whole } from './figures.ts';
import { LATENCY_SHARES } from './load-client.ts';
import type { LoadResult } from './load-client.ts';
import { machine } from './machine.ts';
import type { ReadCase } from './read-cases.ts';
import type { Target } from './results.ts';

export interface CaseResult extends Pick<ReadCase, 'name' | 'target' | 'method' | 'bound'> {
  readonly bytes: number;
  readonly forge: readonly LoadResult[];
  readonly bare: readonly LoadResult[];
  readonly peers: Readonly<Record<string, readonly LoadResult[]>>;
}

/** Latency at half of the most that the server answered. */
export interface HalfLoad {
  readonly name: string;
  readonly server: string;
  readonly perSecond: number;
  readonly latencyMs: readonly number[];
}

export interface ReadResults {
  readonly cases: readonly CaseResult[];
  readonly half: readonly HalfLoad[];
}

interface Setting {
  readonly pinned: boolean;
  readonly client: string;
  readonly connections: number;
  readonly rounds: number;
}

const PEERS: Readonly<Record<string, { readonly name: string; readonly wanted: number }>> = {
  mercurius: { name: 'mercurius with jit', wanted: 1.5 },
  apollo: { name: 'Apollo Server 5', wanted: 5 },
  yoga: { name: 'GraphQL Yoga 5', wanted: 8 },
};

export function readTargets({ cases }: ReadResults): Target[] {
  const own = cases.flatMap(({ target, name, method, bound, forge, bare }): Target[] =>
    target === null || bound === null
      ? []
      : [
          {
            target,
            what: `${name} / bare node:http, ${method}`,
            comparison: '>=',
            bound,
            measured: median(ratios(forge, bare)),
          },
        ],
  );
  const peers = cases.flatMap(({ forge, peers: found }) =>
    Object.entries(found).map(([peer, rounds]): Target => ({
      target: 'T5',
      what: `POST, hot / ${nameOf(peer)}`,
      comparison: '>=',
      bound: PEERS[peer]?.wanted ?? 1,
      measured: median(ratios(forge, rounds)),
    })),
  );
  return [...own, ...peers];
}

/** The section as Markdown: medians over the rounds with their range, ratios of neighbouring rounds. */
export function readReport({ cases, half }: ReadResults, setting: Setting): string {
  const bare = cases.flatMap((one) => one.bare.map(({ clientShare }) => clientShare));
  const share = Math.max(...bare);
  return `Written by \`npm run bench:read\`. PromptForge runs as its production build with everything on that is on in production: authentication by API
key, metrics, limits, usage counters, the embedded PostgreSQL. The bare server is \`node:http\` and nothing else; it answers the same bytes with the
same headers. They are measured in turns.

![answers per second of a hot POST beside other servers](benchmarks/reads.svg)

| case | bytes | PromptForge, answers/s | bare node:http, answers/s | ratio |
|---|---|---|---|---|
${cases.map(caseRow).join('\n')}

Median (lowest-highest) of ${setting.rounds} rounds of a second, ${setting.connections} keep-alive connections without pipelining; the ratio is that of neighbouring rounds.
"Each another body" differs in a variable that the document does not use, so that no answer of before is given again. The promotions move the channel
that is read, to and fro, so that everything that was answered becomes untrue; PostgreSQL is on the load's core there, as it would be on a machine of its own.

### Beside other GraphQL servers

| server | answers/s of the hot POST | PromptForge / it |
|---|---|---|
${cases.flatMap(peerRows).join('\n')}

They answer the same query over the same schema with the same bytes from memory, as they come: no database, no authentication, no limits.

### Latency at half load

![latency at half load](benchmarks/read-latency.svg)

| case | server | answers/s | p50 ms | p99 ms | p99.9 ms |
|---|---|---|---|---|---|
${half.map(halfRow).join('\n')}

Each server at half of the most that it answered, requests at random distances.

- Machine: ${machine()}.
- ${setting.pinned ? 'The servers share one core, the load has another (taskset).' : 'Nothing was pinned to a core: read the ratios with care.'}
- The load came from ${setting.client}, which used at most ${Math.round(share * 100)} % of its core: ${share < 0.97 ? 'it was not the limit' : 'IT WAS THE LIMIT, the bare server would be faster'}.`;
}

function caseRow({ name, target, method, bytes, forge, bare }: CaseResult): string {
  const label = `${target === null ? '' : `${target} `}${name.includes(method) ? name : `${name}, ${method}`}`;
  const cells = [
    label,
    bytes,
    spread(perSecond(forge), whole),
    spread(perSecond(bare), whole),
    spread(ratios(forge, bare), hundredths),
  ];
  return `| ${cells.join(' | ')} |`;
}

function peerRows({ forge, bare, peers }: CaseResult): string[] {
  if (Object.keys(peers).length === 0) return [];
  const row = (name: string, rounds: readonly LoadResult[]) =>
    `| ${name} | ${spread(perSecond(rounds), whole)} | ${spread(ratios(forge, rounds), hundredths)} |`;
  return [
    `| PromptForge | ${spread(perSecond(forge), whole)} | |`,
    row('bare node:http', bare),
    ...Object.entries(peers).map(([peer, rounds]) => row(nameOf(peer), rounds)),
  ];
}

function halfRow({ name, server, perSecond: rate, latencyMs }: HalfLoad): string {
  const at = (share: number) => hundredths(latencyMs[LATENCY_SHARES.indexOf(share)] ?? Number.NaN);
  return `| ${name} | ${server} | ${whole(rate)} | ${at(0.5)} | ${at(0.99)} | ${at(0.999)} |`;
}

export function nameOf(peer: string): string {
  return PEERS[peer]?.name ?? peer;
}

export function perSecond(rounds: readonly LoadResult[]): number[] {
  return rounds.map((round) => round.perSecond);
}

export function ratios(rounds: readonly LoadResult[], to: readonly LoadResult[]): number[] {
  return rounds.map((round, index) => round.perSecond / (to[index]?.perSecond ?? Number.NaN));
}
