import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { connectToRunningEmbedded, startEmbeddedServer } from '../src/db/embedded-server.ts';
import { startServerProcess } from '../test/support/process.ts';

// tsx bench/backup.ts [events]: a log of so many events, nearly all of them promotions, is backed up while its server runs, restored into
// another data directory, and into a PostgreSQL of one's own by an owner who is no superuser; then verified there over HTTP.
const EVENTS = Number(process.argv[2] ?? 100_000);
const BATCH = 10_000;
const OWNER = 'promptforge_owner';

/** Promotions of the demo prompt, with their events, as the triggers would have made them; through them it would take a commit each. */
const PROMOTE_MANY = `
  DO $$
  DECLARE
    e "event";
    p "promotion";
    counter "event_counter";
    channel_id uuid;
  BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    SELECT c.* INTO counter FROM "event_counter" c JOIN "workspace" w ON w.id = c.workspace_id WHERE w.slug = 'default' FOR UPDATE;
    SELECT q.* INTO p FROM "promotion" q JOIN "channel" c ON c.id = q.channel_id WHERE c.name = 'stable' ORDER BY q.ordinal DESC LIMIT 1;
    SELECT max(ordinal) INTO p.ordinal FROM "promotion" q WHERE q.prompt_id = p.prompt_id;
    e.workspace_id := counter.workspace_id;
    e.type := 'VersionPromoted'; e.actor_kind := 'API_KEY'; e.actor_id := gen_random_uuid()::text; e.actor_name := 'deployer'; e.hash_version := 2;
    e.source_address := '192.0.2.7'; e.user_agent := 'bench'; e.prompt_id := p.prompt_id;
    FOR i IN 1..$count LOOP
      p.id := gen_random_uuid(); p.ordinal := p.ordinal + 1; p.base_below_id := p.base_id; p.base_id := p.id; p.previous_version_id := p.version_id;
      INSERT INTO "promotion" SELECT p.*;
      e.seq := counter.seq + i;
      e.commit_seq := e.seq;
      e.promotion_id := p.id;
      e.request_id := gen_random_uuid()::text;
      e.payload := json_build_object('slug', 'support/assistant', 'channel', 'stable', 'kind', 'PROMOTION', 'version', 2, 'reason', md5(i::text))::text;
      e.at_micros := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
      e.prev_hash := coalesce(e.hash, counter.hash);
      e.hash := sha256(e.prev_hash || convert_to(event_hashed_text(e), 'UTF8'));
      INSERT INTO "event" SELECT e.*;
    END LOOP;
    UPDATE "event_counter" SET seq = e.seq, hash = e.hash WHERE workspace_id = e.workspace_id;
    UPDATE "channel_pointer" SET promotion_id = p.id WHERE prompt_id = p.prompt_id AND channel_pointer.channel_id = p.channel_id;
  END
  $$`;

const room = await mkdtemp(join(tmpdir(), 'pf-bench-backup-'));
await chmod(room, 0o755);
const first = { PROMPTFORGE_DATA_DIR: join(room, 'first'), LOG_LEVEL: 'warn' };
const file = join(room, 'a.backup');
const server = await startServerProcess(first);
const own = await startEmbeddedServer({ dataDirectory: join(room, 'own'), log: () => undefined });
try {
  const key = /pf_live_\w+/.exec(server.output())?.[0] ?? '';
  const connection = await connectToRunningEmbedded(first.PROMPTFORGE_DATA_DIR);
  if (connection === null) throw new Error('no database runs');
  const database = new pg.Client(connection);
  database.on('error', () => undefined);
  await database.connect();
  for (let made = 0; made < EVENTS; made += BATCH)
    await database.query(PROMOTE_MANY.replace('$count', String(Math.min(BATCH, EVENTS - made))));
  await database.end();

  await measured('backup of the embedded database, its server running', ['backup', '--out', file], first);
  print('file', { megabytes: Math.round((await stat(file)).size / 1e5) / 10 });
  const second = { PROMPTFORGE_DATA_DIR: join(room, 'second') };
  await measured('restore into another data directory, made for it', ['restore', file], second);

  const admin = new pg.Client(own.connection);
  await admin.connect();
  await admin.query(`CREATE ROLE ${OWNER} LOGIN`);
  await admin.query(`CREATE DATABASE mine OWNER ${OWNER} ENCODING 'UTF8' TEMPLATE template0`);
  await admin.end();
  const { host, port } = own.connection;
  const url = `postgresql://${OWNER}@localhost/mine?host=${encodeURIComponent(host)}&port=${port}`;
  await measured('restore into another PostgreSQL, by an owner who is no superuser', ['restore', file], {
    DATABASE_URL: url,
  });
  const moved = await startServerProcess({ DATABASE_URL: url });
  await measured('audit verify there', ['audit', 'verify'], {
    PROMPTFORGE_URL: moved.url,
    PROMPTFORGE_API_KEY: key,
  });
  await moved.stop('SIGTERM');
} finally {
  await server.stop('SIGTERM');
  await own.stop();
  await rm(room, { recursive: true, force: true });
}

async function measured(
  what: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const began = performance.now();
  const command = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  let most = 0;
  const timer = setInterval(() => {
    void readFile(`/proc/${command.pid}/status`, 'utf8').then(
      (status) => (most = Math.max(most, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0))),
      () => undefined,
    );
  }, 100);
  const [code] = (await once(command, 'exit')) as [number | null];
  clearInterval(timer);
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  print(what, { code, seconds, commandMbMost: Math.round(most / 1_024) });
}

function print(what: string, facts: object): void {
  process.stdout.write(`${what}: ${JSON.stringify(facts)}\n`);
}
