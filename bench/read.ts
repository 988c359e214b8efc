// Answers per second of PromptForge beside a bare node:http server that answers the same bytes, and beside other GraphQL servers, in turns.
//   npm run bench:read            about three minutes; writes its section of docs/benchmarks.md
//   npm run bench:read -- --quick less than one; prints only
import { serveBare } from './bare-server.ts';
import { median } from './figures.ts';
import { bodyOf, headersOf } from './http-text.ts';
import { installPeers } from './install.ts';
import { fetchRaw } from './load-client.ts';
import type { LoadCase, LoadResult } from './load-client.ts';
import { writeSection } from './page.ts';
import { pinThisProcess, startBare, startPeers, startPromptForge } from './processes.ts';
import type { Bare, Measured, PromptForge } from './processes.ts';
import { move, readCases, seedReads } from './read-cases.ts';
import type { ReadCase } from './read-cases.ts';
import { readPlots } from './read-plots.ts';
import { readReport, readTargets } from './read-report.ts';
import type { CaseResult, HalfLoad, ReadResults } from './read-report.ts';
import { keepResults } from './results.ts';
import { writeTargets } from './targets.ts';
import { chooseLoad } from './wrk.ts';
import type { Load } from './wrk.ts';

const CONNECTIONS = 32;
/** More than at full load: so that hardly ever a request waits for a free connection. */
const CONNECTIONS_AT_HALF = 64;
const MOVES_PER_SECOND = 10;
const PEERS = ['mercurius', 'apollo', 'yoga'] as const;

interface Pace {
  readonly rounds: number;
  readonly measureMs: number;
  readonly halfMs: number;
}

interface Field {
  readonly forge: PromptForge;
  readonly bare: Bare;
  readonly load: Load;
  readonly pace: Pace;
}

if (process.argv[2] === 'bare') serveBare();
else await run(process.argv.includes('--quick'));

async function run(quick: boolean): Promise<void> {
  installPeers();
  const pinned = pinThisProcess();
  const { load, name: client } = chooseLoad();
  const pace = quick
    ? { rounds: 3, measureMs: 1_000, halfMs: 1_000 }
    : { rounds: 5, measureMs: 1_000, halfMs: 4_000 };
  const forge = await startPromptForge(pinned);
  const bare = await startBare(pinned);
  try {
    await seedReads(forge);
    const results = await measure({ forge, bare, load, pace }, pinned);
    const setting = { pinned, client, connections: CONNECTIONS, rounds: pace.rounds };
    const text = readReport(results, setting);
    console.log(text);
    if (quick) return;
    await keepResults('read', {
      command: 'npm run bench:read',
      targets: readTargets(results),
      data: results,
    });
    await readPlots(results);
    await writeSection('Reads', text);
    await writeTargets();
  } finally {
    await bare.stop();
    await forge.stop();
  }
}

async function measure(field: Field, pinned: boolean): Promise<ReadResults> {
  const cases: CaseResult[] = [];
  const half: HalfLoad[] = [];
  const found = await readCases(field.forge);
  for (const one of found) {
    progress(one.name);
    const sample = await tellBare(field, one);
    const peers = one.target === 'T4' ? await startPeers(pinned, PEERS, bodyOf(sample).toString()) : {};
    const result = await inTurns(field, one, peers, bodyOf(sample).length);
    for (const peer of Object.values(peers)) await peer.stop();
    cases.push(result);
    if (one.target === 'T1' || one.target === 'T4') half.push(...(await atHalf(field, one, result)));
  }
  const hot = found.find(({ target }) => target === 'T4');
  if (hot === undefined) throw new Error('there is no hot case');
  return { cases: [...cases, ...(await whileMoving(field, hot, pinned))], half };
}

/** The bare server answers what PromptForge does, headers and all. */
async function tellBare({ forge, bare }: Field, one: LoadCase) {
  const sample = await fetchRaw(forge.port, one);
  if (!sample.head.startsWith(`HTTP/1.1 ${one.status} `))
    throw new Error(`${one.name}: unexpected answer ${sample.head}${sample.body.toString()}`);
  await bare.answer({
    status: one.status,
    headers: headersOf(sample),
    body: bodyOf(sample).toString('base64'),
  });
  return sample;
}

async function inTurns(
  { forge, bare, load, pace }: Field,
  one: ReadCase,
  peers: Readonly<Record<string, Measured>>,
  bytes: number,
): Promise<CaseResult> {
  const servers: [string, Measured][] = [['forge', forge], ['bare', bare], ...Object.entries(peers)];
  const rounds: Record<string, LoadResult[]> = {};
  // Round 0 warms up.
  for (let round = 0; round <= pace.rounds; round += 1) {
    for (const [name, { port }] of servers) {
      const result = await load(port, one, {
        connections: CONNECTIONS,
        measureMs: pace.measureMs,
        pauseMs: 0,
      });
      if (round > 0) (rounds[name] ??= []).push(result);
    }
  }
  const { name, target, method, bound } = one;
  const { forge: own = [], bare: reference = [], ...others } = rounds;
  return { name, target, method, bound, bytes, forge: own, bare: reference, peers: others };
}

/** Each server at half of what it answered at most. */
async function atHalf({ forge, bare, load, pace }: Field, one: ReadCase, result: CaseResult) {
  const half: HalfLoad[] = [];
  for (const [server, { port }, full] of [
    ['PromptForge', forge, result.forge],
    ['bare node:http', bare, result.bare],
  ] as const) {
    const perSecond = median(full.map((round) => round.perSecond)) / 2;
    const pauseMs = (CONNECTIONS_AT_HALF / perSecond) * 1_000;
    const found = await load(port, one, {
      connections: CONNECTIONS_AT_HALF,
      measureMs: pace.halfMs,
      pauseMs,
    });
    half.push({ name: one.name, server, perSecond: found.perSecond, latencyMs: found.latencyMs });
  }
  return half;
}

/** Promotions ten times a second take away all that was answered for this prompt, and it is all that is asked for. */
async function whileMoving(field: Field, hot: ReadCase, pinned: boolean): Promise<CaseResult[]> {
  progress('while the channel moves');
  const bytes = bodyOf(await tellBare(field, hot)).length;
  const name = `POST, hot, ${MOVES_PER_SECOND} promotions a second`;
  const load: Load = (port, ...rest) =>
    port === field.forge.port
      ? whileMovingOnly(field.forge, () => field.load(port, ...rest))
      : field.load(port, ...rest);
  const moving = { ...field, load };
  field.forge.moveDatabase('client core');
  const apart = await inTurns(moving, { ...hot, name, target: 'T14', bound: 0.85 }, {}, bytes);
  if (!pinned) return [apart];
  field.forge.moveDatabase('server core');
  const beside = { ...hot, name: `${name}, PostgreSQL on the server's core`, target: null, bound: null };
  return [apart, await inTurns(moving, beside, {}, bytes)];
}

async function whileMovingOnly<T>(forge: PromptForge, what: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const moving = keepMoving(forge, over.signal);
  try {
    return await what();
  } finally {
    over.abort();
    await moving;
  }
}

async function keepMoving(forge: PromptForge, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  for (let count = 1; !signal.aborted; count += 1) {
    await move(forge, 1 + (count % 2));
    const waitMs = began + (count / MOVES_PER_SECOND) * 1_000 - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
  }
}

/** So that who waits sees where it is. */
function progress(what: string): void {
  console.error(`${Math.round(performance.now() / 1_000)} s: ${what}`);
}
