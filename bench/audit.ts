import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { connectToRunningEmbedded } from '../src/db/embedded-server.ts';
import { addManyEvents } from '../test/support/many-events.ts';

// tsx bench/audit.ts [events]: exports and verifies a log of so many events, and samples the resident memory of the server meanwhile.
const EVENTS = Number(process.argv[2] ?? 1_000_000);
const BATCH = 50_000;
const PAYLOAD_BYTES = 150;

const WORKSPACE = `workspace_id = (SELECT id FROM "workspace" WHERE slug = 'default')`;
const BOUND = `(SELECT at_micros FROM "event" WHERE ${WORKSPACE} ORDER BY seq DESC OFFSET 500 LIMIT 1)`;
const PLANS = {
  'graph: newest page with since and until': `SELECT * FROM "event" WHERE ${WORKSPACE} AND at_micros >= ${BOUND} AND at_micros < ${BOUND} + 60000000 ORDER BY seq DESC LIMIT 101`,
  'graph: newest page with until': `SELECT * FROM "event" WHERE ${WORKSPACE} AND at_micros < ${BOUND} - 60000000 ORDER BY seq DESC LIMIT 101`,
  'export: first page with since': `SELECT * FROM "event" WHERE ${WORKSPACE} AND at_micros >= ${BOUND} AND seq > 0 ORDER BY seq LIMIT 500`,
} as const;

const directory = await mkdtemp(join(tmpdir(), 'pf-bench-audit-'));
const server = spawn(process.execPath, ['dist/main.js'], {
  env: { ...process.env, PORT: '0', PROMPTFORGE_DATA_DIR: directory, LOG_LEVEL: 'warn' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const { url, key } = await ready(server);
  const connection = await connectToRunningEmbedded(directory);
  if (connection === null) throw new Error('no database runs');
  const database = new pg.Client(connection);
  database.on('error', () => undefined);
  await database.connect();
  const query = async <Row extends pg.QueryResultRow>(sql: string) => (await database.query<Row>(sql)).rows;
  const began = performance.now();
  for (let made = 0; made < EVENTS; made += BATCH) {
    await addManyEvents({ query }, 'default', Math.min(BATCH, EVENTS - made), PAYLOAD_BYTES);
  }
  await query('ANALYZE "event"');
  print('made', { events: EVENTS, seconds: seconds(began) });
  for (const [name, sql] of Object.entries(PLANS)) {
    const plan = await query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, COSTS OFF) ${sql}`);
    print(
      name,
      plan.map((row) => row['QUERY PLAN']).filter((line) => /Index|Scan|Execution/.test(line)),
    );
  }
  await database.end();
  const file = join(directory, 'export.jsonl');
  await measured('export', url, key, ['audit', 'export', '--out', file]);
  print('file', { megabytes: Math.round((await stat(file)).size / 1e6) });
  await measured('verify', url, key, ['audit', 'verify']);
  await measured('verify --file', url, key, ['audit', 'verify', '--file', file]);
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
  await rm(directory, { recursive: true, force: true });
}

async function ready(child: ChildProcess): Promise<{ url: string; key: string }> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const url = /ready on (http:\S+)\/graphql/.exec(text)?.[1];
    const key = /^ {4}(pf_\S+)$/m.exec(text)?.[1];
    if (url !== undefined && key !== undefined) return { url, key };
  }
  throw new Error(`the server did not start: ${text}`);
}

async function measured(what: string, url: string, key: string, args: readonly string[]): Promise<void> {
  const before = await resident(server);
  const began = performance.now();
  const command = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    env: { ...process.env, PROMPTFORGE_URL: url, PROMPTFORGE_API_KEY: key },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const most = { server: before, command: 0 };
  const sample = async () => {
    most.server = Math.max(most.server, await resident(server));
    most.command = Math.max(most.command, await resident(command));
  };
  const timer = setInterval(() => void sample(), 250);
  const [code] = (await once(command, 'exit')) as [number | null];
  clearInterval(timer);
  print(what, {
    code,
    seconds: seconds(began),
    serverMbBefore: before,
    serverMbMost: most.server,
    commandMbMost: most.command,
  });
}

async function resident({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024);
}

function seconds(began: number): number {
  return Math.round((performance.now() - began) / 100) / 10;
}

function print(what: string, facts: object): void {
  process.stdout.write(`${what}: ${JSON.stringify(facts)}\n`);
}
