// Half an hour of what a busy day looks like: subscribers of all kinds, promotions, and reads at half of what the server can answer.
//   npm run build && npx tsx bench/soak.ts [minutes]    30 when nothing is said; writes its section of docs/benchmarks.md from 10 minutes on
import { setTimeout as delay } from 'node:timers/promises';
import { mutate } from './mutation.ts';
import { writeSection } from './page.ts';
import { ask, pinThisProcess, startProgram, startPromptForge, stopProgram } from './processes.ts';
import type { PromptForge } from './processes.ts';
import { readCases, seedReads } from './read-cases.ts';
import { keepResults } from './results.ts';
import type { SoakAudience, SoakCheck, SoakTally } from './soak-audience.ts';
import type { Told } from './soak-ears.ts';
import { soakPlot, soakReport } from './soak-report.ts';
import type { SoakResults, Vitals } from './soak-report.ts';
import { chooseLoad } from './wrk.ts';

const MINUTES = Number(process.argv[2] ?? 30);
const WRITTEN_FROM_MINUTES = 10;
const SUBSCRIBERS = 2_000;
const PROMOTIONS_PER_SECOND = 5;
const SAMPLE_MS = 5_000;
const COLLECT_EVERY_MS = 5 * 60_000;
const SLUGS = ['one', 'two'].flatMap((folder) => [1, 2, 3, 4].map((number) => `soak/${folder}/${number}`));
const FOLLOWS = ['soak/*', 'soak/one/*', 'soak/two/*'];
const TEMPLATE = `You are {{role}}.\n${'Answer in short, complete sentences, and say so when you are not sure. '.repeat(23)}\n`;
const READ_CONNECTIONS = 64;

const pinned = pinThisProcess();
const forge = await startPromptForge(pinned, ['--expose-gc']);
const { child: audience } = await startProgram('soak-audience.ts', [], { serverCore: false });
try {
  const results = await soak();
  const text = soakReport(results, pinned);
  console.log(text);
  if (MINUTES >= WRITTEN_FROM_MINUTES) {
    await keepResults('soak', { command: 'npx tsx bench/soak.ts', targets: [], data: results });
    await soakPlot(results);
    await writeSection('Soak', text);
  }
  if (results.faults.length > 0) process.exitCode = 1;
} finally {
  await stopProgram(audience);
  await forge.stop();
}

async function soak(): Promise<SoakResults> {
  await seed(forge);
  await seedReads(forge);
  const { port, key } = forge;
  await ask(audience, { port, key, subscribers: SUBSCRIBERS, follows: FOLLOWS } satisfies SoakAudience);
  progress(`${SUBSCRIBERS} subscribers are live`);
  const readers = await capacity();
  const endAt = performance.now() + MINUTES * 60_000;
  const reading = readers.map(({ read }) => read(endAt - performance.now()));
  const [told, samples] = await Promise.all([promoteUntil(endAt), sampleUntil(endAt)]);
  const rates = await Promise.all(reading);
  const { faults, deliveries, reconnects } = await settled(told);
  return {
    minutes: MINUTES,
    subscribers: SUBSCRIBERS,
    promotions: told.length,
    deliveries,
    reconnects,
    faults,
    samples,
    reads: readers.map(({ name, most }, index) => ({
      name,
      most,
      perSecond: rates[index]?.perSecond ?? 0,
      latencyMs: rates[index]?.latencyMs ?? [],
    })),
  };
}

/** Each of two kinds of reads at a quarter of what the server answers of it, with its subscribers there. */
async function capacity() {
  const { load } = chooseLoad();
  const cases = (await readCases(forge)).filter(({ target }) => target === 'T1' || target === 'T4');
  const found = [];
  for (const one of cases) {
    const full = { connections: READ_CONNECTIONS, measureMs: 3_000, pauseMs: 0 };
    const { perSecond } = await load(forge.port, one, full);
    progress(`${one.name}: ${Math.round(perSecond)} a second at most`);
    const pauseMs = (READ_CONNECTIONS / (perSecond / 4)) * 1_000;
    const read = (measureMs: number) =>
      load(forge.port, one, { connections: READ_CONNECTIONS, measureMs, pauseMs });
    found.push({ name: one.name, most: perSecond, read });
  }
  return found;
}

/** The prompts in turns; each has two versions, between which its channel moves. */
async function promoteUntil(endAt: number): Promise<Told[]> {
  const told: Told[] = [];
  const began = performance.now();
  while (performance.now() < endAt - 1_000) {
    const count = told.length;
    const slug = SLUGS[count % SLUGS.length] ?? '';
    const version = 1 + (Math.floor(count / SLUGS.length) % 2);
    const text = await mutate(
      forge,
      `mutation { promoteVersion(input: { slug: "${slug}", version: ${version} }) { ... on Promotion { id } } }`,
    );
    told.push({ slug, id: /"id":"([^"]+)"/.exec(text)?.[1] ?? '' });
    await delay(Math.max(0, began + (told.length / PROMOTIONS_PER_SECOND) * 1_000 - performance.now()));
  }
  return told;
}

async function sampleUntil(endAt: number): Promise<Vitals[]> {
  const samples: Vitals[] = [];
  const began = performance.now();
  let collectAt = COLLECT_EVERY_MS;
  while (performance.now() < endAt) {
    await delay(Math.min(SAMPLE_MS, Math.max(0, endAt - performance.now())));
    const atMs = performance.now() - began;
    samples.push({ ...(await ask<Vitals>(forge.child, 'vitals')), atMs, isCollected: false });
    if (samples.length % 12 === 0)
      progress(`${Math.round((samples.at(-1)?.rss ?? 0) / 2 ** 20)} MiB resident`);
    if (atMs < collectAt) continue;
    collectAt += COLLECT_EVERY_MS;
    await ask(forge.child, 'memory');
    samples.push({ ...(await ask<Vitals>(forge.child, 'vitals')), atMs, isCollected: true });
  }
  return samples;
}

/** Everybody hears of everything within half a minute after the last promotion, or it is lost. */
async function settled(told: readonly Told[]): Promise<SoakTally> {
  for (let attempt = 0; ; attempt += 1) {
    const tally = await ask<SoakTally>(audience, { told } satisfies SoakCheck);
    if (tally.behind === 0 || attempt === 30) return tally;
    await delay(1_000);
  }
}

async function seed(to: PromptForge): Promise<void> {
  const contents = [TEMPLATE, TEMPLATE.replace('short', 'brief')].map(
    (template) => `content: { template: ${JSON.stringify(template)} }`,
  );
  for (const slug of SLUGS) {
    await mutate(
      to,
      `mutation {
        a: createPrompt(input: { slug: "${slug}", ${contents[0]} }) { ... on Prompt { id } }
        b: editPrompt(input: { slug: "${slug}", ${contents[1]} }) { ... on PromptVersion { id } }
        c: promoteVersion(input: { slug: "${slug}", version: 2 }) { ... on Promotion { id } }
      }`,
    );
  }
}

/** So that who waits sees where it is. */
function progress(what: string): void {
  console.error(`${Math.round(performance.now() / 1_000)} s: ${what}`);
}
