// What growth costs: the same calls to servers over registries of 10^3 to 10^6 versions, in turns.
//   npm run bench:scale
import { openCaller, percentiles, PROMOTE } from './caller.ts';
import type { Caller, Latencies, Percentiles } from './caller.ts';
import { median, tenths, whole } from './figures.ts';
import { startLargeServer } from './large-server.ts';
import type { LargeServer } from './large-server.ts';
import { writeSection } from './page.ts';
import { linePlot, writePlot } from './plot.ts';
import { pinThisProcess } from './processes.ts';
import { keepResults } from './results.ts';
import { writeTargets } from './targets.ts';

const COMMAND = 'npm run bench:scale';
const VERSIONS = 10;
const PROMPTS = [100, 1_000, 10_000, 100_000];
const ROUNDS = 6;
/** What prom-client measures is how long the event loop takes from one look to the next, which is this when nothing delays it. */
const LOOP_TICK_MS = 10;
/** So many calls before the next server has its turn: what else the machine does meets all of them. */
const SLICE = 20;
/** What one process reads again and again; as many as the smallest registry has. */
const HOT = 100;

interface Action {
  readonly name: string;
  /** How many calls a round. */
  readonly calls: number;
  readonly act: (caller: Caller, prompt: number, count: number) => Promise<number>;
  /** Of which prompts: those that are read all the time, or any. */
  readonly among: 'hot' | 'any';
}

const slugOf = (prompt: number) =>
  `topic-${String(Math.floor((prompt - 1) / 100)).padStart(3, '0')}/prompt-${String(prompt).padStart(6, '0')}`;
const PAGE =
  'edges { node { slug latest { number } version(channel: "stable") { number } } } pageInfo { endCursor hasNextPage }';
const EDIT = `mutation ($slug: String!, $text: String!) {
  editPrompt(input: { slug: $slug, content: { template: $text } }) { ... on PromptVersion { id number } ... on Error { message } }
}`;

const ACTIONS: readonly Action[] = [
  {
    name: 'read',
    calls: 1_500,
    among: 'hot',
    act: (caller, prompt) => caller.get(`/v1/prompts/${slugOf(prompt)}?_version=stable`),
  },
  {
    name: 'first read of a prompt',
    calls: 60,
    among: 'any',
    act: (caller, prompt) => caller.get(`/v1/prompts/${slugOf(prompt)}?_version=stable`),
  },
  {
    name: 'list of prompts',
    calls: 160,
    among: 'any',
    act: (caller) => caller.graphql(`{ prompts(first: 20, orderBy: UPDATED_DESC) { ${PAGE} } }`),
  },
  {
    name: 'list of a folder',
    calls: 60,
    among: 'any',
    act: (caller, prompt) =>
      caller.graphql(
        `query ($folder: String) { prompts(first: 20, filter: { folder: $folder }) { ${PAGE} } }`,
        { folder: slugOf(prompt).slice(0, 9) },
      ),
  },
  {
    name: 'history of a prompt',
    calls: 60,
    among: 'any',
    act: (caller, prompt) =>
      caller.graphql(
        'query ($slug: String!) { prompt(slug: $slug) { versions(first: 20) { edges { node { number createdAt author { name } } } } promotions(first: 20) { edges { node { kind createdAt } } } } }',
        { slug: slugOf(prompt) },
      ),
  },
  {
    name: 'audit trail',
    calls: 60,
    among: 'any',
    act: (caller) =>
      caller.graphql(
        '{ events(first: 20) { edges { node { seq type at actor { name } prompt { slug } } } } }',
      ),
  },
  {
    name: 'edit',
    calls: 160,
    among: 'any',
    act: (caller, prompt, count) =>
      caller.graphql(EDIT, { slug: slugOf(prompt), text: `edited ${count} times` }),
  },
  {
    name: 'promotion',
    calls: 160,
    among: 'any',
    act: (caller, prompt, count) =>
      caller.graphql(PROMOTE, { slug: slugOf(prompt), version: 1 + (count % (VERSIONS - 1)) }),
  },
];

const CALLS = ACTIONS.map(({ calls }) => calls);

interface Size {
  readonly server: LargeServer;
  readonly caller: Caller;
  /** By the name of the action, of each round. */
  readonly rounds: ReadonlyMap<string, Latencies[]>;
}

async function open(isPinned: boolean, prompts: number): Promise<Size> {
  const server = await startLargeServer(isPinned, { prompts, versions: VERSIONS });
  const rounds = new Map(ACTIONS.map(({ name }) => [name, []]));
  return { server, caller: openCaller(server.port, server.key), rounds };
}

/** Any: another one each time, all over the registry, and the same ones at the same places of each size. */
function promptOf({ among }: Action, count: number, prompts: number): number {
  return among === 'hot' ? 1 + (count % HOT) : 1 + Math.floor(((count * 0.618_033_988_75) % 1) * prompts);
}

async function round(sizes: readonly Size[], action: Action, number: number): Promise<void> {
  const latencies = sizes.map((): Latencies => []);
  for (let from = 0; from < action.calls; from += SLICE) {
    for (const [index, { server, caller }] of sizes.entries()) {
      for (let call = from; call < Math.min(from + SLICE, action.calls); call += 1) {
        const count = number * action.calls + call;
        const took = await action.act(caller, promptOf(action, count, server.data.prompts), count);
        latencies[index]?.push(took);
      }
    }
  }
  // The first round warms up.
  if (number === 0) return;
  for (const [index, { rounds }] of sizes.entries()) rounds.get(action.name)?.push(latencies[index] ?? []);
}

/** Of each round, and of those the median: one round that was disturbed decides nothing. */
function typical(rounds: readonly Latencies[]): Percentiles {
  const each = rounds.map(percentiles);
  const of = (name: keyof Percentiles) => median(each.map((one) => one[name]));
  return { p50: of('p50'), p90: of('p90'), p99: of('p99') };
}

interface SizeFigures {
  readonly prompts: number;
  readonly versions: number;
  readonly latency: Readonly<Record<string, Percentiles>>;
  readonly residentMb: number;
  readonly heapMb: number;
  readonly eventLoopP99Ms: number;
}

async function figuresOf({ server, rounds }: Size): Promise<SizeFigures> {
  const metric = await server.metrics();
  return {
    prompts: server.data.prompts,
    versions: server.data.prompts * server.data.versions,
    latency: Object.fromEntries([...rounds].map(([name, all]) => [name, typical(all)])),
    residentMb: metric('process_resident_memory_bytes') / 1e6,
    heapMb: metric('nodejs_heap_size_used_bytes') / 1e6,
    eventLoopP99Ms: metric('nodejs_eventloop_lag_p99_seconds') * 1e3 - LOOP_TICK_MS,
  };
}

function table(figures: readonly SizeFigures[]): string {
  const head = `| versions | ${figures.map(({ versions }) => whole(versions)).join(' | ')} | largest / smallest, p50 | p99 |`;
  const cells = ({ p50, p99 }: Percentiles) => `${tenths(p50)} / ${tenths(p99)} ms`;
  const rows = ACTIONS.map(({ name }) => {
    const each = figures.flatMap(({ latency }) => latency[name] ?? []);
    const grown = growthOf(figures, name);
    return `| ${name} | ${each.map(cells).join(' | ')} | ${grown.p50.toFixed(2)} | ${grown.p99.toFixed(2)} |`;
  });
  const others = [
    `| resident memory, MB | ${figures.map(({ residentMb }) => whole(residentMb)).join(' | ')} | | |`,
    `| heap in use, MB | ${figures.map(({ heapMb }) => whole(heapMb)).join(' | ')} | | |`,
    `| event loop, p99 of the delay, ms | ${figures.map(({ eventLoopP99Ms }) => tenths(eventLoopP99Ms)).join(' | ')} | | |`,
  ];
  return [head, `|---|${figures.map(() => '---|').join('')}---|---|`, ...rows, ...others].join('\n');
}

function growthOf(figures: readonly SizeFigures[], name: string): Pick<Percentiles, 'p50' | 'p99'> {
  const [smallest, largest] = [figures[0]?.latency[name], figures.at(-1)?.latency[name]];
  if (smallest === undefined || largest === undefined) throw new Error(`no figures for ${name}`);
  return { p50: largest.p50 / smallest.p50, p99: largest.p99 / smallest.p99 };
}

async function report(figures: readonly SizeFigures[]): Promise<void> {
  const ticks = figures.map(({ versions }) => ({ at: versions, text: whole(versions) }));
  const x = { label: 'versions in the registry', isLog: true, ticks };
  await writePlot(
    'scale-latency.svg',
    linePlot(
      'p99 of a call by the size of the registry',
      x,
      { label: 'ms', isLog: true },
      ACTIONS.map(({ name }) => ({
        name,
        points: figures.map(({ versions, latency }) => [versions, latency[name]?.p99 ?? 0] as const),
      })),
    ),
  );
  await writePlot(
    'scale-memory.svg',
    linePlot('Memory by the size of the registry', x, { label: 'MB' }, [
      { name: 'resident', points: figures.map((one) => [one.versions, one.residentMb] as const) },
      { name: 'heap in use', points: figures.map((one) => [one.versions, one.heapMb] as const) },
    ]),
  );
  await writeSection(
    'Growth',
    `The same calls, one after the other, to servers whose registries differ in nothing but their size: ${VERSIONS} versions of each prompt, each with its promotion
and event. All servers are up, and take turns, ${SLICE} calls each. Each cell: p50 and p99 of a round of ${Math.min(...CALLS)} to ${Math.max(...CALLS)} calls, of ${ROUNDS - 1} rounds the median. "read" is of ${HOT} prompts that are read all the time; everything else is of any
prompt of the registry, the caches of PostgreSQL as cold as that makes them.

${table(figures)}

![p99 by the size of the registry](benchmarks/scale-latency.svg)

![memory by the size of the registry](benchmarks/scale-memory.svg)

Again: \`${COMMAND}\`. The first time takes two minutes longer: it makes the registries, and keeps them in the temporary directory.`,
  );
}

const isPinned = pinThisProcess();
const sizes: Size[] = [];
try {
  for (const prompts of PROMPTS) sizes.push(await open(isPinned, prompts));
  for (let number = 0; number < ROUNDS; number += 1) {
    for (const action of ACTIONS) await round(sizes, action, number);
    // From here on counts how long the event loops are held up: the first round warms up.
    if (number === 0) for (const { server } of sizes) await server.metrics();
  }
  const figures: SizeFigures[] = [];
  for (const size of sizes) figures.push(await figuresOf(size));
  await report(figures);
  await keepResults('scale', {
    command: COMMAND,
    targets: ['read', 'list of prompts', 'edit', 'promotion'].map((name) => ({
      target: 'T17',
      what: `p99 of a ${name}, 1,000,000 versions / 1,000`,
      comparison: '<=' as const,
      bound: 1.2,
      measured: growthOf(figures, name).p99,
    })),
    data: figures,
  });
  await writeTargets();
  console.log(table(figures));
} finally {
  for (const { server, caller } of sizes) {
    caller.close();
    await server.stop();
  }
}
