import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPrompt, promote } from '../api/registry.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { runCli } from './run-cli.ts';
import type { CliRun } from './run-cli.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
/** The operators have a log of their own beside it. */
const HOME = `workspace_id = (SELECT id FROM "workspace" WHERE slug = 'default')`;
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const TABLES = ['event', 'event_counter', 'channel_pointer', 'prompt_version'];
const NEXT_HASH = `hash = sha256(prev_hash || convert_to(event_hashed_text("event"), 'UTF8'))`;
const EDIT = `payload = replace(payload, 'served/a', 'forged/a')`;
/** Every event anew, from the first, by another actor: a history that holds in itself. */
const REWRITE = `
  FOR e IN SELECT * FROM "event" WHERE ${HOME} ORDER BY seq LOOP
    e.actor_name := 'somebody else';
    e.prev_hash := coalesce(last, e.prev_hash);
    e.hash := sha256(e.prev_hash || convert_to(event_hashed_text(e), 'UTF8'));
    UPDATE "event" SET actor_name = e.actor_name, prev_hash = e.prev_hash, hash = e.hash WHERE ${HOME} AND seq = e.seq;
    last := e.hash;
  END LOOP;
  UPDATE "event_counter" SET hash = last WHERE ${HOME}`;
const CUT = `DELETE FROM "event" WHERE ${HOME} AND seq > 8; UPDATE "event_counter" SET seq = 8, hash = (SELECT hash FROM "event" WHERE ${HOME} AND seq = 8) WHERE ${HOME}`;
const PROMOTED = `(SELECT max(seq) FROM "event" WHERE type = 'VersionPromoted' AND payload LIKE '%served/a%stable%')`;

let server: TestServer;
let directory: string;
let head: number;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pf-tamper-'));
  const config = { auditSigningKey: PEM, auditCheckpoints: `file:${join(directory, 'checkpoints.jsonl')}` };
  server = await startTestServer({ config });
  await writeFile(join(directory, 'key.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  for (const slug of ['served/a', 'served/b', 'served/c']) {
    await createPrompt(server, slug);
    await promote(server, slug, 1);
  }
  const mutations = [
    'editPrompt(input: { slug: "served/a", content: { template: "two" } })',
    'promoteVersion(input: { slug: "served/a", version: 2 })',
    'rollbackChannel(input: { slug: "served/a", channel: "stable" })',
    'updatePrompt(input: { slug: "served/b", newSlug: "renamed/b" })',
    'withdrawPrompt(input: { slug: "renamed/b", channel: "stable" })',
    'archivePrompt(input: { slug: "served/c" })',
    'signCheckpoint',
  ];
  for (const mutation of mutations) await server.execute(`mutation { ${mutation} { __typename } }`);
  const [counter] = await server.database.query<{ seq: string }>(
    `SELECT seq FROM "event_counter" WHERE ${HOME}`,
  );
  head = Number(counter?.seq);
  await server.database.query('CREATE SCHEMA "kept"');
  for (const table of TABLES)
    await server.database.query(`CREATE TABLE "kept"."${table}" AS TABLE "${table}"`);
});

afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

afterEach(async () => {
  for (const table of TABLES)
    await tamper(`DELETE FROM "${table}"; INSERT INTO "${table}" SELECT * FROM "kept"."${table}"`);
});

/** What a superuser can do: change rows past the triggers and the foreign keys. */
async function tamper(sql: string): Promise<void> {
  await server.database.query(`
    DO $$
    DECLARE
      e "event";
      last bytea;
    BEGIN
      PERFORM set_config('session_replication_role', 'replica', true);
      ${sql};
    END
    $$`);
}

const cli = (...args: string[]): Promise<CliRun> =>
  runCli(['audit', ...args], { PROMPTFORGE_URL: server.url, PROMPTFORGE_API_KEY: server.adminKey });
const signed = () => {
  const [file, key] = [join(directory, 'checkpoints.jsonl'), join(directory, 'key.pem')];
  return ['--checkpoints', file, '--public-key', key];
};

interface Verdict {
  readonly code: number | null;
  readonly ok: boolean;
  readonly places: readonly string[];
  readonly pointers: number | null;
  readonly checkpoints: number;
  readonly verified: number;
}

async function verdict(...args: string[]): Promise<Verdict> {
  const { code, stdout, stderr } = await cli('verify', '--json', ...args);
  expect(stderr).toBe('');
  const { faults, ...rest } = JSON.parse(stdout) as Omit<Verdict, 'code' | 'places'> & {
    faults: { seq: number; kind: string }[];
  };
  return { code, ...rest, places: faults.map(({ seq, kind }) => `${kind} ${seq}`) };
}

// Each test starts the command several times.
const PATIENTLY = { timeout: 180_000 };

describe('promptforge audit verify', PATIENTLY, () => {
  it('finds nothing in what was only used: edits, promotions, rollbacks, renames, withdrawals, archives', async () => {
    const found = await verdict(...signed());
    expect(found).toMatchObject({ code: 0, ok: true, places: [], verified: head });
    expect(found.checkpoints).toBeGreaterThan(0);
    expect(found.pointers).toBe(4);
  });

  it.each<[what: string, sql: string, places: string[]]>([
    ['an edited row', `UPDATE "event" SET ${EDIT} WHERE ${HOME} AND seq = 5`, ['EDITED 5']],
    ['an edited actor', `UPDATE "event" SET actor_id = 'x' WHERE ${HOME} AND seq = 5`, ['EDITED 5']],
    [
      'an edited row whose hash was computed anew',
      `UPDATE "event" SET ${EDIT} WHERE ${HOME} AND seq = 5; UPDATE "event" SET ${NEXT_HASH} WHERE ${HOME} AND seq = 5`,
      ['INSERTED_OR_REORDERED 5'],
    ],
    ['a deleted row', `DELETE FROM "event" WHERE ${HOME} AND seq = 6`, ['MISSING 6']],
    ['the first rows gone', `DELETE FROM "event" WHERE ${HOME} AND seq < 4`, ['MISSING 1']],
    [
      'two rows in each other’s place',
      `UPDATE "event" SET seq = -6, promotion_id = NULL WHERE ${HOME} AND seq = 6; UPDATE "event" SET seq = 6 WHERE ${HOME} AND seq = 7; UPDATE "event" SET seq = 7 WHERE ${HOME} AND seq = -6`,
      ['INSERTED_OR_REORDERED 6', 'INSERTED_OR_REORDERED 7'],
    ],
    [
      'a row put in between',
      `FOR e IN SELECT * FROM "event" WHERE ${HOME} AND seq > 6 ORDER BY seq DESC LOOP UPDATE "event" SET seq = e.seq + 1 WHERE ${HOME} AND seq = e.seq; END LOOP;
       SELECT * INTO e FROM "event" WHERE ${HOME} AND seq = 6; e.seq := 7; e.promotion_id := NULL; e.prev_hash := e.hash;
       e.hash := sha256(e.prev_hash || convert_to(event_hashed_text(e), 'UTF8')); INSERT INTO "event" SELECT e.*`,
      ['INSERTED_OR_REORDERED 7', 'EDITED 8'],
    ],
  ])('finds %s, without any checkpoint', async (_what, sql, places) => {
    await tamper(sql);
    const found = await verdict();
    expect(found).toMatchObject({ code: 1, ok: false });
    expect(found.places).toEqual(expect.arrayContaining(places));
  });

  it('finds that the tail was cut off by a signed checkpoint, and by nothing else in the log', async () => {
    await tamper(CUT);
    const withoutPointers = (places: readonly string[]) =>
      places.filter((place) => !place.startsWith('POINTER'));
    expect(withoutPointers((await verdict()).places)).toEqual([]);
    const found = await verdict(...signed());
    expect(withoutPointers(found.places)).toEqual(['MISSING 9']);
  });

  it('finds that all of history was written anew by a signed checkpoint, and by nothing else', async () => {
    await tamper(REWRITE);
    expect((await verdict()).places).toEqual([]);
    const found = await verdict(...signed());
    expect(found.code).toBe(1);
    expect(found.places).toContain(`EDITED ${head}`);
  });

  it.each([
    [
      'a channel that was pointed elsewhere',
      `UPDATE "channel_pointer" SET version_id = (SELECT id FROM "prompt_version" WHERE prompt_id = "channel_pointer".prompt_id AND number = 2)`,
    ],
    [
      'a content that was edited in its place',
      `UPDATE "prompt_version" SET template = 'forged' WHERE number = 1`,
    ],
    [
      'a content that was edited with its hash',
      `UPDATE "prompt_version" SET content_hash = 'sha256:' || repeat('0', 64) WHERE number = 1`,
    ],
    ['a channel that serves nothing any more', `UPDATE "channel_pointer" SET version_id = NULL`],
  ])('finds %s, with its last promotion', async (_what, sql) => {
    const [last] = await server.database.query<{ max: string }>(`SELECT ${PROMOTED} AS max`);
    await tamper(sql);
    expect((await verdict()).places).toContain(`POINTER ${last?.max}`);
  });

  it('believes no checkpoint that was changed, or that another key signed', async () => {
    const lines = await readFile(join(directory, 'checkpoints.jsonl'), 'utf8');
    const forged = join(directory, 'forged.jsonl');
    await writeFile(forged, lines.replaceAll(`"seq":${head}`, `"seq":${head - 1}`));
    const key = join(directory, 'key.pem');
    expect((await verdict('--checkpoints', forged, '--public-key', key)).places).toEqual([
      `CHECKPOINT ${head - 1}`,
    ]);
    const other = join(directory, 'other.pem');
    await writeFile(other, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    const found = await verdict('--checkpoints', join(directory, 'checkpoints.jsonl'), '--public-key', other);
    expect(found.places).toContain(`CHECKPOINT ${head}`);
  });

  it('needs a key for checkpoints', async () => {
    const run = await cli('verify', '--checkpoints', join(directory, 'checkpoints.jsonl'));
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('need each other')]);
  });
});

describe('promptforge audit export', PATIENTLY, () => {
  it('writes what is verified without the server, and overwrites nothing', async () => {
    const file = join(directory, 'export.jsonl');
    const told = `${JSON.stringify({ file, events: head })}\n`;
    expect(await cli('export', '--out', file, '--json')).toEqual({ code: 0, stdout: told, stderr: '' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await verdict('--file', file, ...signed())).toMatchObject({
      code: 0,
      verified: head,
      pointers: null,
    });
    const again = await cli('export', '--out', file);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('export.jsonl')]);
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, [...lines.slice(0, 3), ...lines.slice(4)].join('\n'));
    expect((await verdict('--file', file)).places).toEqual(['MISSING 4']);
  });

  it('goes on after an event, to standard output', async () => {
    const { code, stdout } = await cli('export', '--after', String(head - 2));
    const seqs = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { seq: number }).seq);
    expect([code, seqs]).toEqual([0, [head - 1, head]]);
  });

  it.each([
    ['a file that is no export', 'not json\n', 5],
    ['an empty file', '', 2],
  ])('of %s is told from one', async (_what, text, exitCode) => {
    const file = join(directory, 'other.jsonl');
    await writeFile(file, text);
    expect((await cli('verify', '--file', file)).code).toBe(exitCode);
  });
});
