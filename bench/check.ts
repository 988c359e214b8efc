// The short form of the benchmark, for CI: ratios to bare servers against the recorded ones. Absolute figures are never compared, and of
// what is compared it is the processor time of the server, which a busy machine changes far less than what it gets done in a second.
// The load is the client of our own: neither wrk nor what the long form compares with is needed.
//   npm run bench:check
//   npm run bench:check -- --record           writes what rose to bench/results/check.json, as `npm run bench` does at its end
//   npm run bench:check -- --record --lower   writes what fell as well
import { pushLooks, readLooks } from './check-looks.ts';
import type { Look, Looks } from './check-looks.ts';
import { faultsOf, isUnder, recordingOf } from './check-verdict.ts';
import type { Ratios } from './check-verdict.ts';
import { hundredths, median } from './figures.ts';
import { pinThisProcess } from './processes.ts';
import { keepResults, resultsOf } from './results.ts';

/** To record what is compared with for a long time, or to say that something was broken. */
const LOOKS_TO_BE_SURE = 3;

const pinned = pinThisProcess();
const [record, lower] = ['--record', '--lower'].map((flag) => process.argv.includes(flag));
const recorded = (await resultsOf<Ratios>('check'))?.data ?? {};
const seen = { ...(await lookAt(await readLooks(pinned))), ...(await lookAt(await pushLooks(pinned))) };
const faults = record === true ? await keep(lower === true) : faultsOf(seen, recorded);
for (const fault of faults) console.error(fault);
if (faults.length > 0) console.error('whether it is so: npm run bench:read, npm run bench:push');
process.exit(faults.length > 0 ? 1 : 0);

async function lookAt(servers: Looks): Promise<Ratios> {
  const { looks } = servers;
  const found: Record<string, number> = {};
  try {
    for (const [name, look] of looks) {
      const ratio = await (record === true ? sureLook(look) : look());
      found[name] = ratio;
      console.log(`${name}: ${hundredths(ratio)}, recorded ${hundredths(recorded[name] ?? Number.NaN)}`);
    }
    if (record === true) return found;
    // Once more, but not at once: what disturbed it may have passed.
    for (const [name, look] of looks) {
      if (!isUnder(found[name] ?? Number.NaN, recorded[name])) continue;
      const ratio = await sureLook(look);
      found[name] = ratio;
      console.log(`${name}: ${hundredths(ratio)} at the second try`);
    }
    return found;
  } finally {
    await servers.stop();
  }
}

async function sureLook(look: Look): Promise<number> {
  const ratios: number[] = [];
  while (ratios.length < LOOKS_TO_BE_SURE) ratios.push(await look());
  return median(ratios);
}

/** @returns what is wrong with what stands there now */
async function keep(mayLower: boolean): Promise<string[]> {
  const { data, lowered } = recordingOf(seen, recorded, mayLower);
  await keepResults('check', { command: 'npm run bench:check -- --record', targets: [], data });
  for (const line of lowered)
    console.error(`${line}: ${mayLower ? 'lowered' : 'left as it was, --record --lower would take it over'}`);
  return faultsOf(seen, data);
}
