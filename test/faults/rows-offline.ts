import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPromptForge } from '../../src/sdk/client.ts';
import type { PromptForge } from '../../src/sdk/client.ts';
import { bundleFile, diskCache } from '../../src/sdk/disk.ts';
import { startFakeServer } from '../sdk/contract/fake-server.ts';
import { tellingsOf } from '../sdk/contract/frames.ts';
import { worldOf } from '../sdk/contract/content.ts';
import { freePort, makeRoom, removeRoom, seeded, until } from './harness.ts';
import { SLUGS, snapshotText, writeSnapshot } from './sdk-files.ts';
import { tooLong } from './stage.ts';
import type { RowOptions, RowResult } from './stage.ts';

const READY_MS = 50;
const GETS_A_SECOND = 10_000;
const GET_P99_US = 50;
const TICK_MS = 2;

interface Start {
  readonly name: string;
  readonly source: string | null;
  readonly cache?: string;
  readonly bootstrap?: string;
}

/** Row 54: a client starts without a server, from what stands on the disk; each kind of start `faults` times. */
export async function offlineStart(options: RowOptions): Promise<RowResult> {
  const room = await makeRoom();
  const random = seeded(options.seed);
  try {
    const path = (name: string) => join(room, name);
    const good = await writeSnapshot(path('good.json'), 1);
    const starts = (run: number): Start[] => [
      { name: 'cache', source: 'disk', cache: 'good.json' },
      { name: 'bootstrap', source: 'bootstrap', bootstrap: 'good.json' },
      {
        name: 'corrupt cache, bootstrap',
        source: 'bootstrap',
        cache: `bad-${run}.json`,
        bootstrap: 'good.json',
      },
      {
        name: 'no cache yet, bootstrap',
        source: 'bootstrap',
        cache: `none-${run}.json`,
        bootstrap: 'good.json',
      },
      {
        name: 'corrupt cache, corrupt bootstrap',
        source: null,
        cache: `bad-${run}.json`,
        bootstrap: `bad-${run}.json`,
      },
    ];
    const url = `http://127.0.0.1:${await freePort()}`;
    const times: number[] = [];
    const findings: string[] = [];
    for (let run = 0; run < options.faults; run += 1) {
      await writeFile(path(`bad-${run}.json`), corrupt(good, random));
      for (const start of starts(run)) {
        const { took, problem } = await startOffline(url, start, path);
        if (start.source !== null) times.push(took);
        if (problem !== null) findings.push(`${start.name}: ${problem}`);
      }
    }
    return {
      acknowledged: 0,
      faults: options.faults * 5,
      findings: [
        ...findings,
        ...tooLong(
          'ready',
          options.lenient === true ? times : times.toSorted((a, b) => b - a).slice(0, 3),
          READY_MS,
          options,
        ),
      ],
      figures: {
        starts: times.length,
        readyP50Ms: share(times, 0.5),
        readyP99Ms: share(times, 0.99),
        readyMaxMs: share(times, 1),
      },
    };
  } finally {
    await removeRoom(room);
  }
}

/** Unreadable as a whole: cut short, or with bytes in it that are no JSON. */
function corrupt(text: string, random: (below: number) => number): string {
  const at = random(text.length - 1);
  return random(2) === 0 ? text.slice(0, at) : `${text.slice(0, 20)}\u0000${text.slice(20 + random(50))}`;
}

async function startOffline(
  url: string,
  start: Start,
  path: (name: string) => string,
): Promise<{ took: number; problem: string | null }> {
  const began = performance.now();
  const client = createPromptForge({
    url,
    apiKey: 'pf_key',
    ...(start.cache === undefined ? {} : { cache: diskCache(path(start.cache)) }),
    ...(start.bootstrap === undefined ? {} : { bootstrap: bundleFile(path(start.bootstrap)) }),
    log: () => undefined,
  });
  try {
    const source = await client.ready({ timeoutMs: start.source === null ? 200 : 5_000 }).then(
      (ready) => ready.source as string,
      () => null,
    );
    const took = performance.now() - began;
    if (source !== start.source) return { took, problem: `ready from ${source}` };
    if (source === null) return { took, problem: null };
    const served = client.slugs().filter((slug) => client.render(slug, { name: 'Ada' }).version === 1).length;
    return {
      took,
      problem: served === SLUGS.length ? null : `${served} of ${SLUGS.length} prompts are served`,
    };
  } finally {
    await client.close();
  }
}

/** Row 55: the server goes away for `faults` seconds while a service asks 10,000 times a second. */
export async function neverBlocks(options: RowOptions): Promise<RowResult> {
  const server = await startFakeServer(1, () => Date.now());
  const [url = ''] = server.urls;
  const client = createPromptForge({ url, apiKey: 'pf_key', transports: ['sse'], log: () => undefined });
  try {
    await until('the client asks', () => server.tries.length > 0);
    const attempt = server.tries.shift();
    await attempt?.accept({ bare: false });
    const { entries } = JSON.parse(snapshotText(1)) as {
      entries: readonly { served: { template: string; slug: string } }[];
    };
    const prompts = Object.fromEntries(
      entries.map(({ served }) => [`${served.slug}@1`, { template: served.template }]),
    );
    const world = worldOf({ title: '', over: [], steps: [], prompts });
    const told = tellingsOf([{ snapshot: SLUGS.map((slug) => `${slug}@1`), at: 1 }], world);
    attempt?.tell(told, { channel: 'stable', cursor: '', entries: new Map(), etag: '', headers: {} });
    await client.ready({ timeoutMs: 10_000 });
    const before = await load(client, Math.min(1, options.faults));
    await server.down(0);
    const during = await load(client, options.faults);
    const { p99 } = during;
    const limit = options.lenient === true ? GET_P99_US * 4 : GET_P99_US;
    return {
      acknowledged: during.calls,
      faults: 1,
      findings: [
        ...during.thrown,
        ...(client.status().connected ? ['it is connected to a server that is gone'] : []),
        ...(p99 > limit ? [`get: p99 ${p99} us`] : []),
      ],
      figures: {
        gets: during.calls,
        getsASecond: Math.round(during.calls / during.seconds),
        p50Us: during.p50,
        p99Us: p99,
        maxUs: during.max,
        p99BeforeUs: before.p99,
        renderP99Us: during.renderP99,
        throws: during.thrown.length,
      },
    };
  } finally {
    await client.close();
    await server.close();
  }
}

/** 10,000 calls a second, spread over turns of the event loop, as a service would make them; each tenth is a render. */
async function load(client: PromptForge, seconds: number) {
  const gets: number[] = [];
  const renders: number[] = [];
  const thrown: string[] = [];
  const began = performance.now();
  for (let call = 0; performance.now() - began < seconds * 1_000;) {
    const due = Math.floor(((performance.now() - began) / 1_000) * GETS_A_SECOND);
    for (; call < due; call += 1) {
      const slug = SLUGS[call % SLUGS.length] ?? '';
      const start = process.hrtime.bigint();
      try {
        if (call % 10 === 0) client.render(slug, { name: 'Ada' });
        else client.get(slug);
      } catch (error) {
        if (thrown.length < 5) thrown.push(String(error));
      }
      (call % 10 === 0 ? renders : gets).push(Number(process.hrtime.bigint() - start) / 1_000);
    }
    await sleep(TICK_MS);
  }
  return {
    calls: gets.length + renders.length,
    seconds: (performance.now() - began) / 1_000,
    thrown,
    p50: share(gets, 0.5),
    p99: share(gets, 0.99),
    max: share(gets, 1),
    renderP99: share(renders, 0.99),
  };
}

function share(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor((sorted.length - 1) * part)] ?? 0) * 10) / 10;
}
