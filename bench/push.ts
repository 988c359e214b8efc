// What a promotion costs that is pushed to thousands, beside a bare broadcast and the libraries as they come, interleaved in one run.
//   npm run bench:push            a few minutes; writes its section of docs/benchmarks.md
//   npm run bench:push -- --quick small audiences, few rounds; prints only
import { setTimeout as delay } from 'node:timers/promises';
import { startField } from './contestants.ts';
import type { Contestant, Field } from './contestants.ts';
import type { ProbeCommand } from './get-probe.ts';
import { installPeers } from './install.ts';
import { shareOfOthers } from './machine.ts';
import { writeSection } from './page.ts';
import { ask, pinThisProcess, startProgram, stopProgram } from './processes.ts';
import { pushReport } from './push-report.ts';
import type { Commits, Memory, Reads } from './push-report.ts';
import { pushData, pushPlot } from './push-plot.ts';
import { pushTargets } from './push-targets.ts';
import { contestantsOf, openAll, requireAll, runHeat } from './race.ts';
import type { Heat } from './race.ts';
import { keepResults } from './results.ts';
import { writeTargets } from './targets.ts';
import type { Protocol } from './unit-reader.ts';

const BOUND_MS = 6 * 60_000;
const BETWEEN_COMMITS_MS = 50;

interface Scale {
  readonly sizes: readonly [small: number, middle: number, large: number];
  readonly rounds: number;
  readonly commits: number;
  readonly readMs: number;
}

const FULL: Scale = { sizes: [1_000, 5_000, 10_000], rounds: 5, commits: 60, readMs: 2_500 };
const QUICK: Scale = { sizes: [100, 500, 1_000], rounds: 3, commits: 10, readMs: 1_000 };

await main(process.argv.includes('--quick'));
process.exit();

async function main(quick: boolean): Promise<void> {
  // The servers and the loads end by themselves when this process has ended.
  setTimeout(() => {
    progress('given up: the machine is too busy for a measurement');
    process.exit(1);
  }, BOUND_MS).unref();
  installPeers();
  const scale = quick ? QUICK : FULL;
  const pinned = pinThisProcess();
  const others = [await shareOfOthers()];
  const webSocket = await withField('WEBSOCKET', pinned, (field) => measureWebSocket(field, scale));
  const sse = await withField('SSE', pinned, (field) => measureSse(field, scale));
  others.push(await shareOfOthers());
  const results = { webSocket, sse, pinned, rounds: scale.rounds, others };
  const text = pushReport(results);
  console.log(text);
  if (quick) return;
  await keepResults('push', {
    command: 'npm run bench:push',
    targets: pushTargets(results),
    data: pushData(results),
  });
  await pushPlot(results);
  await writeSection('Push', text);
  await writeTargets();
}

/** So that who waits sees where it is. */
function progress(what: string): void {
  console.error(`${Math.round(performance.now() / 1_000)} s: ${what}`);
}

async function withField<T>(
  protocol: Protocol,
  pinned: boolean,
  use: (field: Field) => Promise<T>,
): Promise<T> {
  progress(`starts servers, ${protocol}`);
  const field = await startField(protocol, pinned);
  try {
    return await use(field);
  } finally {
    for (const [, contestant] of contestantsOf(field)) await contestant.stop();
  }
}

async function measureWebSocket(field: Field, scale: Scale) {
  const [small] = scale.sizes;
  const commits = [await commitTo(field.forge, small / 10, scale), await commitTo(field.forge, small, scale)];
  const first = await firstHeats(field, scale);
  const reads = await readBeside(field, scale.readMs);
  const { heat, memory } = await lastHeat(field, scale);
  return { commits, reads, memory, heats: [...first, heat] };
}

async function measureSse(field: Field, scale: Scale) {
  const first = await firstHeats(field, scale);
  const { heat, memory } = await lastHeat(field, scale);
  return { memory, heats: [...first, heat] };
}

async function firstHeats(field: Field, { sizes: [small, middle], rounds }: Scale): Promise<Heat[]> {
  progress(`${small} subscribers`);
  await openAll(field, small);
  const heat = await runHeat(field, small, rounds);
  progress(`${middle} subscribers`);
  await openAll(field, middle);
  return [heat, await runHeat(field, middle, rounds)];
}

async function lastHeat(field: Field, { sizes: [, middle, large], rounds }: Scale) {
  progress(`${large} subscribers`);
  const memory = await memoryOf(field, middle, large);
  await openAll(field, large);
  return { memory, heat: await runHeat(field, large, rounds) };
}

/** What the subscriptions from here to there add, idle, after a collection of garbage. */
async function memoryOf(field: Field, from: number, to: number): Promise<Memory> {
  const memory = { forge: 0, bare: 0, asItComes: 0, second: 0 };
  for (const [runner, contestant] of contestantsOf(field)) {
    const before = await contestant.memoryBytes();
    await contestant.open(to);
    await delay(500);
    memory[runner] = ((await contestant.memoryBytes()) - before) / (to - from);
  }
  return memory;
}

/** Promotions one after the other: from the acknowledged commit, and from the request, to each frame. */
async function commitTo(forge: Contestant, subscribers: number, { commits }: Scale): Promise<Commits> {
  progress(`commit to frame, ${subscribers} subscribers`);
  await forge.open(subscribers);
  await delay(500);
  for (let count = 0; count < 20; count += 1) await forge.fire();
  const fromRequest: number[] = [];
  const fromAcknowledged: number[] = [];
  for (let count = 0; count < commits; count += 1) {
    const { arrivalsMs, acknowledgedMs } = await forge.fire();
    requireAll(arrivalsMs.length, subscribers);
    fromRequest.push(...arrivalsMs);
    fromAcknowledged.push(...arrivalsMs.map((ms) => ms - acknowledgedMs));
    await delay(BETWEEN_COMMITS_MS);
  }
  return { subscribers, commits, fromRequest, fromAcknowledged };
}

/** GETs at a steady pace while fan-outs follow each other without a pause, on each server in turns; and on PromptForge alone. */
async function readBeside(field: Field, readMs: number): Promise<Reads> {
  progress('reads beside fan-outs');
  const { child: probe } = await startProgram('get-probe.ts', [], { serverCore: false });
  const reads: Reads = { quiet: [], forge: [], bare: [], asItComes: [], second: [] };
  const get = ({ port, get: request }: Contestant) =>
    ask<Float64Array>(probe, { port, request, forMs: readMs } satisfies ProbeCommand);
  for (let round = 0; round < 2; round += 1) {
    reads.quiet.push(...(await get(field.forge)));
    for (const [runner, contestant] of contestantsOf(field))
      reads[runner].push(...(await whileFiring(contestant, get(contestant))));
  }
  await stopProgram(probe);
  return reads;
}

async function whileFiring<T>(contestant: Contestant, what: Promise<T>): Promise<T> {
  const over = new AbortController();
  const firing = (async () => {
    while (!over.signal.aborted) await contestant.fire();
  })();
  try {
    return await what;
  } finally {
    over.abort();
    await firing;
  }
}
