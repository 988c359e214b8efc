// The two minutes of the benchmark for CI: ratios to bare servers against the recorded ones. Absolute figures are never compared, and of
// what is compared it is the processor time of the server, which a busy machine changes far less than what it gets done in a second.
//   npm run bench:check
//   npm run bench:check -- --record   writes what was seen to bench/results/check.json, as `npm run bench` does at its end
import type { ChildProcess } from 'node:child_process';
import { startPair } from './contestants.ts';
import { hundredths, median } from './figures.ts';
import { bodyOf, headersOf } from './http-text.ts';
import { fetchRaw } from './load-client.ts';
import type { LoadResult } from './load-client.ts';
import { ask, pinThisProcess, startBare, startPromptForge } from './processes.ts';
import { runRound, warmUp } from './race.ts';
import { readCases, seedReads } from './read-cases.ts';
import { keepResults, resultsOf } from './results.ts';
import { chooseLoad } from './wrk.ts';

/** So far under the recorded ratio means that something was broken; closer is noise. */
const ALLOWED = 0.65;
const TARGETS = ['T1', 'T2', 'T3', 'T4', 'T6'];
const ROUNDS = 3;
const FAN_OUTS = 15;
const SUBSCRIBERS = 1_000;
const PACE = { connections: 32, measureMs: 1_000, pauseMs: 0 };

type Ratios = Readonly<Record<string, number>>;
/** One look at one thing: how much of the bare server PromptForge reaches, 1 is as good. */
type Look = () => Promise<number>;

const pinned = pinThisProcess();
await main(process.argv.includes('--record'));
process.exit();

async function main(record: boolean): Promise<void> {
  const seen: Record<string, number> = {};
  const failed: string[] = [];
  const recorded = (await resultsOf<Ratios>('check'))?.data ?? {};
  await withLooks(async (looks) => {
    for (const [name, look] of looks) {
      const least = (recorded[name] ?? 0) * ALLOWED;
      let ratio = await look();
      console.log(`${name}: ${hundredths(ratio)}, recorded ${hundredths(recorded[name] ?? Number.NaN)}`);
      if (ratio < least && !record) {
        ratio = await look();
        console.log(`${name}: ${hundredths(ratio)} at the second try`);
        if (ratio < least) failed.push(name);
      }
      seen[name] = ratio;
    }
  });
  if (record)
    await keepResults('check', { command: 'npm run bench:check -- --record', targets: [], data: seen });
  for (const name of failed)
    console.error(`${name}: twice more than 35 % under what was recorded; see npm run bench`);
  if (failed.length > 0) process.exitCode = 1;
}

async function withLooks(use: (looks: ReadonlyMap<string, Look>) => Promise<void>): Promise<void> {
  const reads = await readLooks();
  try {
    await use(reads.looks);
  } finally {
    await reads.stop();
  }
  const pushes = await pushLooks();
  try {
    await use(pushes.looks);
  } finally {
    await pushes.stop();
  }
}

async function readLooks() {
  const { load } = chooseLoad();
  const forge = await startPromptForge(pinned);
  const bare = await startBare(pinned);
  await seedReads(forge);
  const cases = (await readCases(forge)).filter(({ target }) => TARGETS.includes(target ?? ''));
  const looks = cases.map((one): [string, Look] => {
    const look = async () => {
      const sample = await fetchRaw(forge.port, one);
      const body = bodyOf(sample).toString('base64');
      await bare.answer({ status: one.status, headers: headersOf(sample), body });
      const ratios: number[] = [];
      // Round 0 warms up.
      for (let round = 0; round <= ROUNDS; round += 1) {
        const own = await cpuOfAnswer(forge, () => load(forge.port, one, PACE));
        const other = await cpuOfAnswer(bare, () => load(bare.port, one, PACE));
        if (round > 0) ratios.push(other / own);
      }
      return median(ratios);
    };
    return [`${one.name}, CPU of an answer`, look];
  });
  const stop = async () => {
    await bare.stop();
    await forge.stop();
  };
  return { looks: new Map(looks), stop };
}

async function cpuOfAnswer(
  { child }: { readonly child: ChildProcess },
  run: () => Promise<LoadResult>,
): Promise<number> {
  const before = await ask<number>(child, 'cpu');
  const { perSecond } = await run();
  return ((await ask<number>(child, 'cpu')) - before) / perSecond;
}

async function pushLooks() {
  const { forge, bare } = await startPair('WEBSOCKET', pinned);
  for (const one of [forge, bare]) {
    await one.open(SUBSCRIBERS);
    await warmUp(one, SUBSCRIBERS);
  }
  const look = async () => {
    const cpu: { own: number; other: number }[] = [];
    for (let round = 0; round < FAN_OUTS; round += 1) {
      const own = await runRound(forge, SUBSCRIBERS);
      const other = await runRound(bare, SUBSCRIBERS);
      cpu.push({ own: own.cpuMsPerThousand, other: other.cpuMsPerThousand });
    }
    return median(cpu.map(({ other }) => other)) / median(cpu.map(({ own }) => own));
  };
  const stop = async () => {
    await bare.stop();
    await forge.stop();
  };
  const name = `fan-out to ${SUBSCRIBERS} WebSockets and its promotion, CPU`;
  return { looks: new Map([[name, look]]), stop };
}
