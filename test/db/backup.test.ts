import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { BackupUnreadable } from '../../src/db/backup-read.ts';
import { checkBackup, RestoreRefused } from '../../src/db/backup-restore.ts';
import { openBackup } from '../../src/db/backup-write.ts';
import { migrate, MigrationRefused } from '../../src/db/migrations.ts';
import { createGoverned } from '../actions/governance-fixture.ts';
import type { Governed } from '../actions/governance-fixture.ts';
import { backUp, changed, connectTo, newPath, restoreInto } from '../support/backups.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { MIGRATIONS_DIRECTORY } from '../support/server.ts';
import { catalogLines } from './catalog-lines.ts';

const LIVE = ['stream_node', 'stream_subscriber', 'stream_place', 'applied_cursor'];

let world: Governed;
let source: TestDatabase;
let slug: string;

/** Every table has a row, some with all that COPY has to escape. */
beforeAll(async () => {
  world = await createGoverned();
  source = world.database;
  slug = await world.prompt('backup', 3);
  await world.editPrompt(world.editor, {
    slug,
    content: { template: 'a\tb\\N\n\\.\nc \u{1F525} {{x}}', config: { a: [1, null, '\\'] } },
    idempotencyKey: 'once',
  });
  await world.policy({ approvals: 1 });
  await world.review(await world.request(slug, 2), world.reviewers[0]);
  const workspace = world.admin.workspaceId;
  await world.createApiKey(world.admin, { name: 'k', role: 'VIEWER', secret: randomBytes(32) });
  await source.query(`
    INSERT INTO "member" (workspace_id, id, issuer, subject, name, created_at, last_seen_at)
      VALUES ('${workspace}', gen_random_uuid(), 'i', 's', 'Zoë', now(), now());
    INSERT INTO "version_usage" SELECT '${workspace}', gen_random_uuid(), 1, date_trunc('minute', now()), 'stable', 'a', 'API_KEY', 'a', 1, 2;
    INSERT INTO "version_usage_hour" SELECT '${workspace}', gen_random_uuid(), 1, date_trunc('hour', now()), 'stable', 'a', 'API_KEY', 'a', 1, 2;
    INSERT INTO "audit_checkpoint" SELECT workspace_id, seq, hash, now(), 'k', '\\x00ff' FROM "event_counter";
    INSERT INTO "stream_node" VALUES ('${workspace}', gen_random_uuid(), now())`);
});
afterAll(() => world.close());

async function emptyDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase({ empty: true });
  onTestFinished(() => database.drop());
  return database;
}

/** How many rows each table has, and a hash of them. */
async function contents(database: TestDatabase): Promise<Map<string, { rows: number; hash: string | null }>> {
  const tables = await database.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> '_prisma_migrations' ORDER BY 1`,
  );
  const found = new Map<string, { rows: number; hash: string | null }>();
  for (const { name } of tables) {
    const [row] = await database.query<{ rows: number; hash: string | null }>(
      `SELECT count(*)::int AS rows, md5(string_agg(t::text, E'\\n' ORDER BY t::text)) AS hash FROM "${name}" t`,
    );
    if (row !== undefined) found.set(name, row);
  }
  return found;
}

const refusalOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('it was not refused'),
    (error: Error) => error,
  );

describe('a backup', () => {
  it('holds every table but those of who is connected, row by row, and restores them under the same catalog', async () => {
    const before = await contents(source);
    const empty = [...before].filter(([name, { rows }]) => rows === 0 && !LIVE.includes(name));
    expect(empty.map(([name]) => name)).toEqual([]);
    const { path, rows, header } = await backUp(source.url);
    const target = await emptyDatabase();
    expect(await restoreInto(target.url, path)).toEqual([]);
    const after = await contents(target);
    for (const name of LIVE) {
      expect(after.get(name)?.rows ?? 0).toBe(0);
      before.delete(name);
      after.delete(name);
    }
    expect(after).toEqual(before);
    expect(rows).toBe([...before.values()].reduce((sum, table) => sum + table.rows, 0));
    expect(await catalogLines(target)).toEqual(await catalogLines(source));
    expect(header.heads).toHaveLength(1);
  });

  it('is of the moment at which it began, whatever is written meanwhile', async () => {
    const before = await contents(source);
    const { path, header } = await backUp(source.url, async () => {
      await world.prompt('meanwhile');
      await source.query(`UPDATE "member" SET email = 'later'`);
    });
    const target = await emptyDatabase();
    expect(await restoreInto(target.url, path)).toEqual([]);
    expect((await contents(target)).get('event')).toEqual(before.get('event'));
    expect((await contents(target)).get('member')).toEqual(before.get('member'));
    expect(header.heads[0]?.seq).toBe(before.get('event')?.rows);
    expect((await contents(source)).get('event')?.rows).toBeGreaterThan(before.get('event')?.rows ?? 0);
  });

  it('is restored by an owner who is no superuser, and the restored rows are append-only and go on as before', async () => {
    const { path, header } = await backUp(source.url);
    const target = await emptyDatabase();
    const owner = `owner_${randomBytes(6).toString('hex')}`;
    await target.query(`CREATE ROLE ${owner} LOGIN`);
    await target.query(`ALTER DATABASE ${target.name} OWNER TO ${owner}`);
    onTestFinished(async () => {
      await target.query(`DROP OWNED BY ${owner} CASCADE`).catch(() => undefined);
      await target.query(`ALTER DATABASE ${target.name} OWNER TO ${inject('postgres').user}`);
      await target.query(`DROP ROLE ${owner}`);
    });
    const url = new URL(target.url);
    url.username = owner;
    expect(await restoreInto(url.href, path)).toEqual([]);
    for (const table of ['event', 'promotion', 'prompt_version', 'promotion_review'])
      await expect(target.query(`DELETE FROM "${table}"`)).rejects.toMatchObject({ code: '23001' });
    const head = header.heads[0];
    const [next] = await target.query<{ seq: string; prev: string }>(
      `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload)
       VALUES ($1, 'Probe', 'SYSTEM', 'a', 'a', '{}') RETURNING seq, encode(prev_hash, 'hex') AS prev`,
      [head?.workspaceId],
    );
    expect(next).toEqual({ seq: String((head?.seq ?? 0) + 1), prev: head?.hash });
  });

  it('of an older release is restored as it was and migrated further afterwards', async () => {
    const old = await emptyDatabase();
    const client = await connectTo(old.url);
    const all = await source.query<{ name: string; checksum: string }>(
      `SELECT migration_name AS name, checksum FROM "_prisma_migrations" ORDER BY migration_name`,
    );
    await migrate(client, MIGRATIONS_DIRECTORY, all.slice(0, 1));
    await old.query(`INSERT INTO "workspace" VALUES (gen_random_uuid(), 'old', 'Old', now())`);
    await old.query(
      `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload) SELECT id, 'Probe', 'SYSTEM', 'a', 'a', '{}' FROM "workspace"`,
    );
    const { path } = await backUp(old.url);
    const target = await emptyDatabase();
    expect(await restoreInto(target.url, path)).toEqual([]);
    expect(await migrate(await connectTo(target.url), MIGRATIONS_DIRECTORY)).toEqual(
      all.slice(1).map(({ name }) => name),
    );
    expect(await target.query(`SELECT slug FROM "workspace"`)).toEqual([{ slug: 'old' }]);
    const migratedEmpty = await createTestDatabase();
    onTestFinished(() => migratedEmpty.drop());
    expect((await refusalOf(restoreInto(migratedEmpty.url, path))).message).toContain(
      'is migrated further than the backup (20261124000000_usage)',
    );
  });

  it('of a log that was broken already is restored, and says where', async () => {
    const tampered = await emptyDatabase();
    await restoreInto(tampered.url, (await backUp(source.url)).path);
    await tampered.query(
      `ALTER TABLE "event" DISABLE TRIGGER USER; UPDATE "event" SET actor_name = 'nobody' WHERE seq = 3; ALTER TABLE "event" ENABLE TRIGGER USER`,
    );
    const { path } = await backUp(tampered.url);
    const target = await emptyDatabase();
    expect(await restoreInto(target.url, path)).toEqual([{ workspaceId: world.admin.workspaceId, seq: 3 }]);
  });

  it('is not made of a database that holds no PromptForge', async () => {
    const foreign = await emptyDatabase();
    await expect(openBackup(await connectTo(foreign.url), '1')).rejects.toThrow('holds no PromptForge');
  });
});

describe('a restore', () => {
  it('is refused into a database in use, which stays as it is', async () => {
    const { path } = await backUp(source.url);
    const before = await contents(source);
    const error = await refusalOf(restoreInto(source.url, path));
    expect(error).toBeInstanceOf(RestoreRefused);
    expect(error.message).toContain('it holds the workspaces ');
    expect(await contents(source)).toEqual(before);
  });

  it('is refused for a newer release, by the name of what is unknown, and for a text that differs', async () => {
    const { path } = await backUp(source.url);
    const newer = await changed(path, (text) =>
      text.replace('"migrations":[', '"migrations":[{"name":"20991231000000_new","checksum":"x"},'),
    );
    const error = await refusalOf(restoreInto((await emptyDatabase()).url, newer));
    expect(error).toBeInstanceOf(MigrationRefused);
    expect(error.message).toMatch(/20991231000000_new is one that this version of PromptForge does not know/);
  });

  it('is told by the log of the operators, chained behind what was restored: who, when, and which backup', async () => {
    const operated = await emptyDatabase();
    await restoreInto(operated.url, (await backUp(source.url)).path);
    await operated.query(
      `INSERT INTO "workspace" (id, slug, name, created_at) VALUES (gen_random_uuid(), '$operator', 'Operator', now())`,
    );
    const { path, rows, header } = await backUp(operated.url);
    const target = await emptyDatabase();
    const { checksum } = await checkBackup(path);
    // Twice over: the second one is chained behind the first.
    await restoreInto(target.url, path, 'ada');
    const again = await emptyDatabase();
    await restoreInto(again.url, (await backUp(target.url)).path);
    const told = await again.query<{ seq: number; actor: string; payload: string }>(
      `SELECT seq::int, actor_kind || ' ' || actor_id || ' ' || user_agent AS actor, payload FROM "event" e
       JOIN "workspace" w ON w.id = e.workspace_id WHERE w.slug = '$operator' ORDER BY seq`,
    );
    const actor = 'SYSTEM system promptforge restore';
    expect(told.map((event) => [event.seq, event.actor])).toEqual([
      [1, actor],
      [2, actor],
    ]);
    const { createdAt, version, heads } = header;
    expect(JSON.parse(told[0]?.payload ?? '')).toEqual({
      by: 'ada',
      backup: { checksum, createdAt, version, heads },
      rows,
      replaced: null,
    });
    // What finds a broken chain finds none.
    const { path: last } = await backUp(again.url);
    expect(await restoreInto((await emptyDatabase()).url, last)).toEqual([]);
    const [others] = await again.query(`SELECT count(*)::int AS count FROM "event" e, "workspace" w
      WHERE w.id = e.workspace_id AND w.slug <> '$operator' AND type = 'DatabaseRestored'`);
    expect(others).toEqual({ count: 0 });
  });

  it('leaves an empty database behind when it is broken off in the middle', async () => {
    const { path } = await backUp(source.url);
    // Rows that fit their checksums and not the table: the last table's, so that all others are written by then.
    const broken = await changed(path, (text) =>
      text.replace(/^(\{"table":"event",.*\n)[^\t]+/m, '$1no uuid'),
    );
    const target = await emptyDatabase();
    expect((await refusalOf(restoreInto(target.url, broken))).message).toContain('invalid input syntax');
    for (const { rows } of (await contents(target)).values()) expect(rows).toBe(0);
    expect(await restoreInto(target.url, path)).toEqual([]);
    expect(await catalogLines(target)).toEqual(await catalogLines(source));
  });
});

describe('a file that is not as it was written', () => {
  const says = {
    'a row was changed': [(text: string) => text.replace('Zoë', 'Zoe'), 'the rows of table member'],
    'a row is gone': [(text: string) => text.replace(/^.*Zoë.*\n/m, ''), 'the rows of table member'],
    'the header was changed': [
      (text: string) => text.replace('0.0.0-test', '0.0.1-test'),
      'changed or damaged',
    ],
    'a section is gone': [
      (text: string) => text.replace(/^\{"table":"member"(?:.*\n)*?\{"rows":.*\n/m, ''),
      'changed or damaged',
    ],
    'something was added': [(text: string) => `${text}x`, 'changed or damaged'],
    'the last line is gone': [(text: string) => text.replace(/\{"end".*\n$/, ''), 'cut off'],
    'its format is newer': [
      (text: string) => text.replace('"formatVersion":1', '"formatVersion":2'),
      'format is version 2',
    ],
    'it is something else': [() => '{"format":"promptforge-snapshot"}\n', 'no promptforge-backup file'],
  } as const;

  it.each(Object.entries(says))('is told apart: %s', async (_what, [change, message]) => {
    const { path } = await backUp(source.url);
    const error = await refusalOf(checkBackup(await changed(path, change, false)));
    expect(error).toBeInstanceOf(BackupUnreadable);
    expect(error.message).toContain(message);
  });

  it('is told apart wherever it was cut off, and when it is no gzip', async () => {
    const { path } = await backUp(source.url);
    const bytes = await readFile(path);
    const cut = await newPath();
    for (const part of [0, 0.1, 0.5, 0.9, 0.999]) {
      await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length * part)));
      expect([part, (await refusalOf(checkBackup(cut))).message]).toEqual([
        part,
        expect.stringContaining('cut off'),
      ]);
    }
    await writeFile(cut, 'no gzip');
    expect((await refusalOf(checkBackup(cut))).message).toContain('no gzip file');
  });
});
