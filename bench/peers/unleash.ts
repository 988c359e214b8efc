// PromptForge beside Unleash, which delivers feature flags from PostgreSQL as PromptForge delivers prompts. Not a part of `npm run bench`.
//   npm run build && npx tsx bench/peers/unleash.ts [directory with unleash-server in its node_modules]
// Without a directory it installs unleash-server into one of its own. Writes its section of docs/benchmarks.md.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { connectToRunningEmbedded } from '../../src/db/embedded-server.ts';
import { median, spread, hundredths, whole } from '../figures.ts';
import { bodyOf, requestText } from '../http-text.ts';
import { fetchRaw } from '../load-client.ts';
import type { LoadCase, LoadResult } from '../load-client.ts';
import { machine } from '../machine.ts';
import { writeSection } from '../page.ts';
import { onServerCore, pinThisProcess, startPromptForge, stopServer } from '../processes.ts';
import type { Measured, PromptForge } from '../processes.ts';
import { readCases, seedReads } from '../read-cases.ts';
import { perSecond, ratios } from '../read-report.ts';
import { chooseLoad } from '../wrk.ts';

const VERSION = '8.2.0';
const NODE = 'node@22';
const PORT = 14_242;
const CLIENT_TOKEN = 'default:development.bench-client-token';
const ADMIN_TOKEN = '*:*.bench-admin-token';
const FEATURE = 'bench-two-kilobytes';
const ROUNDS = 5;
const START_SECONDS = 60;
const NEVER = '1000000000';
const START = `import { start } from 'unleash-server';
await start();
`;

interface Row {
  readonly name: string;
  readonly forge: LoadResult[];
  readonly unleash: LoadResult[];
  readonly bytes: readonly [forge: number, unleash: number];
}

const pinned = pinThisProcess();
const given = process.argv[2];
const directory = given ?? (await installed());
const forge = await startPromptForge(pinned);
try {
  await seedReads(forge);
  const unleash = await startUnleash(forge);
  try {
    const text = report(await race(forge, unleash));
    console.log(text);
    await writeSection('Beside Unleash', text);
  } finally {
    await unleash.stop();
  }
} finally {
  await forge.stop();
  if (given === undefined) await rm(directory, { recursive: true, force: true });
}

async function installed(): Promise<string> {
  const where = await mkdtemp(join(tmpdir(), 'promptforge-unleash-'));
  const args = ['install', '--prefix', where, '--no-audit', '--no-fund', `unleash-server@${VERSION}`];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`unleash-server@${VERSION} cannot be installed`);
  return where;
}

/** In a database of its own on PromptForge's PostgreSQL. Its limits count, as PromptForge's do, but refuse nothing. */
async function startUnleash({ dataDirectory }: PromptForge): Promise<Measured> {
  const connection = await connectToRunningEmbedded(dataDirectory);
  if (connection === null) throw new Error('the embedded PostgreSQL is not there');
  const client = new pg.Client(connection);
  await client.connect();
  await client.query('CREATE DATABASE unleash');
  await client.end();
  await writeFile(join(directory, 'start.mjs'), START);
  const node = spawnSync('npx', ['-y', NODE, '-p', 'process.execPath'], { encoding: 'utf8' }).stdout.trim();
  const [program, args] = onServerCore(pinned, [node, join(directory, 'start.mjs')]);
  const child = spawn(program, args, {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      TZ: 'UTC',
      NODE_ENV: 'production',
      DATABASE_HOST: connection.host,
      DATABASE_PORT: String(connection.port),
      DATABASE_USERNAME: connection.user,
      DATABASE_PASSWORD: 'none',
      DATABASE_NAME: 'unleash',
      DATABASE_SSL: 'false',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: String(PORT),
      LOG_LEVEL: 'error',
      CHECK_VERSION: 'false',
      SEND_TELEMETRY: 'false',
      INIT_BACKEND_API_TOKENS: CLIENT_TOKEN,
      INIT_ADMIN_API_TOKENS: ADMIN_TOKEN,
      TOKEN_AUTHENTICATION_RATE_LIMIT_PER_MINUTE: NEVER,
      SDK_API_RATE_LIMIT_PER_MINUTE: NEVER,
    },
  });
  const stop = () => stopServer(child);
  try {
    await untilHealthy();
    await seedUnleash();
  } catch (error) {
    await stop();
    throw error;
  }
  return { port: PORT, stop };
}

async function untilHealthy(): Promise<void> {
  for (let attempt = 0; attempt < START_SECONDS; attempt += 1) {
    const response = await fetch(`http://127.0.0.1:${PORT}/health`).catch(() => null);
    if (response?.ok === true) return;
    await delay(1_000);
  }
  throw new Error(`Unleash is not ready after ${START_SECONDS} s`);
}

/** One flag that is on, with a variant that carries about as much text as the prompt. */
async function seedUnleash(): Promise<void> {
  const features = '/api/admin/projects/default/features';
  const value = 'Answer in short, complete sentences, and say so when you are not sure. '.repeat(20);
  await admin('POST', features, { name: FEATURE, type: 'release' });
  const environment = `${features}/${FEATURE}/environments/development`;
  const variant = { name: 'text', weight: 1_000, weightType: 'variable', stickiness: 'default' };
  await admin('POST', `${environment}/strategies`, {
    name: 'flexibleRollout',
    parameters: { rollout: '100', stickiness: 'default', groupId: FEATURE },
    variants: [{ ...variant, payload: { type: 'string', value } }],
  });
  await admin('POST', `${environment}/on`, {});
  // It keeps what its clients are told for 600 ms.
  await delay(1_500);
}

async function admin(method: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${PORT}${path}`, {
    method,
    headers: { authorization: ADMIN_TOKEN, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok)
    throw new Error(`${method} ${path} was answered ${response.status}: ${await response.text()}`);
}

function flags(headers: Record<string, string>, status: number): LoadCase {
  const request = requestText(
    'GET /api/client/features',
    { authorization: CLIENT_TOKEN, accept: 'application/json', ...headers },
    '',
  );
  return { name: 'Unleash', request, status };
}

async function race(own: PromptForge, unleash: Measured): Promise<Row[]> {
  const cases = new Map((await readCases(own)).map((one) => [one.target, one]));
  const full = await fetchRaw(unleash.port, flags({}, 200));
  const etag = /^etag: *(.*?)\r$/im.exec(full.head)?.[1] ?? '';
  const pairs: [string, string, LoadCase][] = [
    ['REST, 200 / `GET /api/client/features`, 200', 'T1', flags({}, 200)],
    ['REST, 304 / `GET /api/client/features`, 304', 'T2', flags({ 'if-none-match': etag }, 304)],
    ['GraphQL POST, hot / `GET /api/client/features`, 200', 'T4', flags({}, 200)],
  ];
  const { load } = chooseLoad();
  const pace = { connections: 32, measureMs: 1_000, pauseMs: 0 };
  const rows: Row[] = [];
  for (const [name, target, theirs] of pairs) {
    const ours = cases.get(target);
    if (ours === undefined) continue;
    const sizes = await Promise.all([fetchRaw(own.port, ours), fetchRaw(unleash.port, theirs)]);
    const row: Row = {
      name,
      forge: [],
      unleash: [],
      bytes: [bodyOf(sizes[0]).length, bodyOf(sizes[1]).length],
    };
    for (let round = 0; round <= ROUNDS; round += 1) {
      const results = [await load(own.port, ours, pace), await load(unleash.port, theirs, pace)] as const;
      // Round 0 warms up.
      if (round > 0) row.forge.push(results[0]);
      if (round > 0) row.unleash.push(results[1]);
    }
    rows.push(row);
  }
  return rows;
}

function report(rows: readonly Row[]): string {
  const lines = rows.map(({ name, bytes, forge: own, unleash }) => {
    const p99 = (rounds: readonly LoadResult[]) =>
      hundredths(median(rounds.map(({ latencyMs }) => latencyMs[3] ?? Number.NaN)));
    const cells = [
      name,
      bytes.join(' / '),
      spread(perSecond(own), whole),
      spread(perSecond(unleash), whole),
      spread(ratios(own, unleash), (value) => value.toFixed(1)),
      `${p99(own)} / ${p99(unleash)}`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return `Written by \`npx tsx bench/peers/unleash.ts\`, once, by hand: unleash-server ${VERSION} on Node 22, the version that it needs, PromptForge on the Node of this page;
both as production builds on the same PostgreSQL, in turns on the same core, each with authentication by a token of a client.

| PromptForge / Unleash | bytes | PromptForge, answers/s | Unleash, answers/s | ratio | p99 ms at full load |
|---|---|---|---|---|---|
${lines.join('\n')}

What is not alike: Unleash delivers feature flags, PromptForge prompts. Its clients ask for all flags of an environment at once and evaluate them themselves; here there is one flag, whose variant
carries as much text as the prompt, so that the answers have about the same size. Its clients poll every 15 s and are not meant to ask for each decision, and for many clients its makers offer
Unleash Edge, a proxy in Rust, which is not measured here. Unleash answers from a memo of 600 ms, PromptForge with what was committed last. Rate limits are on in both, and so high that they refuse nothing.

- Machine: ${machine()}.
- ${pinned ? 'The servers share one core, the load has another (taskset).' : 'Nothing was pinned to a core: read the ratios with care.'}`;
}
