// How many changes one node makes durable: 32 writers promote 64 prompts as fast as they are answered, fsync on.
//   npm run bench:write
import pg from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { connectToRunningEmbedded } from '../src/db/embedded-server.ts';
import { openCaller, percentiles, PROMOTE } from './caller.ts';
import type { Caller, Latencies } from './caller.ts';
import { median, spread, tenths, whole } from './figures.ts';
import { mutate } from './mutation.ts';
import { writeSection } from './page.ts';
import { pinThisProcess, startPromptForge } from './processes.ts';
import type { PromptForge } from './processes.ts';
import { keepResults } from './results.ts';
import { writeTargets } from './targets.ts';

const COMMAND = 'npm run bench:write';
const WRITERS = 32;
/** As many as the server has connections to write with. */
const BARE_WRITERS = 10;
const PROMPTS = 64;
const ROUNDS = 3;
const WARM_UP_MS = 2_000;
const MEASURE_MS = 6_000;

interface Round {
  readonly perSecond: number;
  readonly latencies: Latencies;
}

/** Whoever does it does it again at once, until the time is over; what was begun before it counts nowhere. */
async function drive(writers: number, act: (writer: number) => Promise<number>): Promise<Round> {
  const latencies: Latencies = [];
  const [from, to] = [performance.now() + WARM_UP_MS, performance.now() + WARM_UP_MS + MEASURE_MS];
  const write = async (writer: number) => {
    for (let now = performance.now(); now < to; now = performance.now()) {
      const took = await act(writer);
      if (now >= from && performance.now() <= to) latencies.push(took);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return { perSecond: (latencies.length * 1_000) / MEASURE_MS, latencies };
}

async function addPrompts(server: PromptForge): Promise<void> {
  for (let n = 0; n < PROMPTS; n += 1) {
    await mutate(
      server,
      `mutation { createPrompt(input: { slug: "bench/p${n}", content: { template: "one" } }) { ... on Prompt { id } } }`,
    );
    await mutate(
      server,
      `mutation { editPrompt(input: { slug: "bench/p${n}", content: { template: "two" } }) { ... on PromptVersion { id } } }`,
    );
  }
}

const counts = Array.from({ length: WRITERS }, () => 0);

/** Every writer its own two prompts in turn, each from one version to the other: every promotion moves the channel. */
function promote(caller: Caller, writer: number): Promise<number> {
  const count = counts[writer] ?? 0;
  counts[writer] = count + 1;
  const slug = `bench/p${writer * 2 + (count % 2)}`;
  return caller.graphql(PROMOTE, { slug, version: 1 + (Math.floor(count / 2) % 2) });
}

/** The same rows' weight in a table of its own: what PostgreSQL commits for as many clients as the server is to it. */
async function openBare(server: PromptForge) {
  const connection = await connectToRunningEmbedded(server.dataDirectory);
  if (connection === null) throw new Error('no database runs');
  const clients = Array.from({ length: BARE_WRITERS }, () => new pg.Client(connection));
  for (const client of clients) await client.connect();
  await clients[0]?.query('CREATE TABLE "bare" (id bigserial PRIMARY KEY, text text NOT NULL)');
  return {
    write: async (writer: number) => {
      const began = performance.now();
      await clients[writer]?.query({
        name: 'bare',
        text: 'INSERT INTO "bare" (text) VALUES ($1)',
        values: ['x'.repeat(600)],
      });
      return performance.now() - began;
    },
    close: async () => {
      for (const client of clients) await client.end();
    },
  };
}

const isPinned = pinThisProcess();
const server = await startPromptForge(isPinned);
try {
  // PostgreSQL would have a machine, or at least a core, of its own.
  server.moveDatabase('client core');
  await addPrompts(server);
  const caller = openCaller(server.port, server.adminKey);
  const bare = await openBare(server);
  const rounds: { ours: Round; bare: Round }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const ours = await drive(WRITERS, (writer) => promote(caller, writer));
    await delay(500);
    rounds.push({ ours, bare: await drive(BARE_WRITERS, (writer) => bare.write(writer)) });
  }
  caller.close();
  await bare.close();
  const rates = rounds.map(({ ours }) => ours.perSecond);
  const all = percentiles(rounds.flatMap(({ ours }) => ours.latencies));
  const ratio = median(rounds.map((round) => round.ours.perSecond / round.bare.perSecond));
  const data = {
    writers: WRITERS,
    perSecond: rates,
    barePerSecond: rounds.map((round) => round.bare.perSecond),
    ratio,
    latency: all,
  };
  await writeSection(
    'Writes',
    `${WRITERS} writers promote ${PROMPTS} prompts over HTTP, each as soon as its last promotion is answered: checked, recorded, chained, committed with fsync and
served by the node. Median and range of ${ROUNDS} rounds, in turns with ${BARE_WRITERS} clients of the same PostgreSQL that insert and commit a row of 600 bytes each.

| | a second | p50 | p90 | p99 |
|---|---|---|---|---|
| promotions | ${spread(rates, whole)} | ${tenths(all.p50)} ms | ${tenths(all.p90)} ms | ${tenths(all.p99)} ms |
| bare commits | ${spread(data.barePerSecond, whole)} | | | |

Again: \`${COMMAND}\`.`,
  );
  await keepResults('write', {
    command: COMMAND,
    targets: [
      {
        target: 'T16',
        what: `promotions by ${WRITERS} writers`,
        comparison: '>=',
        bound: 150,
        measured: median(rates),
        unit: '/s',
      },
      {
        target: 'T16',
        what: `the same, p99`,
        comparison: '<=',
        bound: 400,
        measured: all.p99,
        unit: 'ms',
      },
    ],
    data,
  });
  await writeTargets();
  console.log(JSON.stringify(data));
} finally {
  await server.stop();
}
