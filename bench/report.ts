import { hundredths, spread, whole } from './figures.ts';
import type { LoadResult } from './load-client.ts';
import { machine } from './machine.ts';

export interface CaseResult {
  readonly name: string;
  readonly bytes: number;
  readonly forge: LoadResult[];
  readonly bare: LoadResult[];
}

interface Setting {
  readonly pinned: boolean;
  readonly connections: number;
  readonly rounds: number;
  readonly measureMs: number;
}

/** The section as Markdown: one row a case, medians over the rounds with their range, and the ratio of neighbouring rounds. */
export function report(results: readonly CaseResult[], setting: Setting): string {
  const share = Math.max(...results.flatMap(({ bare }) => bare.map(({ clientShare }) => clientShare)));
  return `Written by \`npm run bench:read\`. Speed targets come with a later release; this section says where we stand.

PromptForge runs as its production build with everything on that is on in production: authentication by API key, metrics, limits, the
embedded PostgreSQL. The bare server is \`node:http\` and nothing else; it answers the same bytes with the same headers. Both are measured
in turns, in one run.

| case | bytes | PromptForge, reads/s | bare node:http, reads/s | ratio |
|---|---|---|---|---|
${results.map(row).join('\n')}

Median (lowest-highest) of ${setting.rounds} rounds of ${setting.measureMs / 1_000} s, ${setting.connections} keep-alive connections without pipelining; the ratio is that of neighbouring rounds.

- Machine: ${machine()}.
- ${setting.pinned ? 'The servers share one core, the load has another (taskset).' : 'Nothing was pinned to a core: read the ratios with care.'}
- The load client used at most ${Math.round(share * 100)} % of a core: ${share < 0.97 ? 'it was not the limit' : 'IT WAS THE LIMIT, the bare server would be faster'}.

What limits:

- REST comes from the serving snapshot: bytes and ETag are made once per version. In a CPU profile the system call that writes the answer is
  the largest part, a third; the rest is spread over node:http, the front and the metrics, no function above a tenth.
- GraphQL answers go through Yoga, graphql-js and, for \`prompt\`, one SQL query by Prisma on the same core; nothing of it comes from the
  serving snapshot yet. \`viewer\` shows the share of Yoga and graphql-js alone.
`;
}

function row({ name, bytes, forge, bare }: CaseResult): string {
  const own = forge.map(({ perSecond }) => perSecond);
  const others = bare.map(({ perSecond }) => perSecond);
  const ratios = own.map((perSecond, round) => perSecond / (others[round] ?? Number.NaN));
  return `| ${name} | ${bytes} | ${spread(own, whole)} | ${spread(others, whole)} | ${spread(ratios, hundredths)} |`;
}
