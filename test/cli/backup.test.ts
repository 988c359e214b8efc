import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { writeNewFile } from '../../src/cli/new-file.ts';
import { openExistingDatabase } from '../../src/server/existing-database.ts';
import { createTestDatabase } from '../support/database.ts';
import { runToEnd, startServerProcess, temporaryDirectory } from '../support/process.ts';

/** The tables of a backup with how many rows each has, and their checksum. */
async function tablesOf(path: string): Promise<Record<string, { rows: number; checksum: string }>> {
  const text = gunzipSync(await readFile(path)).toString('utf8');
  const sections = text.matchAll(/^\{"table":"(\w+)".*\n(?:(?!\\\.\n).*\n)*\\\.\n(\{"rows":.*\})$/gm);
  return Object.fromEntries(Array.from(sections, ([, table, end]) => [table, JSON.parse(end ?? '')]));
}

it('moves an embedded database, backed up while its server runs, to one of your own and to another directory', async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  const at = (name: string) => join(directory.path, name);
  const cli = (env: Record<string, string>, ...args: string[]) =>
    runToEnd(['dist/cli/main.js', ...args], env);
  const first = { PROMPTFORGE_DATA_DIR: at('first') };
  const [file, again] = [at('a.backup'), at('again.backup')];

  const server = await startServerProcess(first);
  onTestFinished(async () => void (await server.stop('SIGKILL')));
  const key = /pf_live_\w+/.exec(server.output())?.[0] ?? '';
  const made = await cli(first, '--json', 'backup', '--out', file);
  expect(made).toMatchObject({ code: 0, errors: '' });
  const facts = JSON.parse(made.output) as { bytes: number; rows: number; heads: { slug: string }[] };
  const { size, mode } = await stat(file);
  expect(facts).toMatchObject({ file, bytes: size, heads: expect.arrayContaining([]) });
  expect(mode & 0o777).toBe(0o600);
  expect(await readdir(directory.path)).toEqual(['a.backup', 'first']);

  const running = await cli(first, 'restore', file);
  expect(running).toMatchObject({
    code: 1,
    errors: expect.stringContaining(`mv ${at('first')} ${at('first')}.before`),
  });
  await server.stop('SIGTERM');
  const second = { PROMPTFORGE_DATA_DIR: at('second') };
  expect(await cli(second, 'restore', file)).toMatchObject({ code: 0, errors: '' });
  // Nobody runs there now: the database is started for the backup, and stopped.
  expect(await cli(second, 'backup', '--out', again)).toMatchObject({ code: 0, errors: '' });
  const [before, after] = [await tablesOf(file), await tablesOf(again)];
  // All but the record of the restore itself.
  const { event, event_counter: counter } = before;
  expect({ ...after, event, event_counter: counter }).toEqual(before);
  expect(after['event']?.rows).toBe((event?.rows ?? 0) + 1);

  const database = await createTestDatabase({ empty: true });
  onTestFinished(() => database.drop());
  const moved = await cli({ DATABASE_URL: database.url }, '--json', 'restore', file);
  expect(moved).toMatchObject({ code: 0, errors: '' });
  expect(JSON.parse(moved.output)).toMatchObject({ ok: true, rows: facts.rows, heads: facts.heads });
  const migrated = await cli({ DATABASE_URL: database.url }, '--json', 'migrate');
  expect(JSON.parse(migrated.output)).toEqual({ upToDate: true, applied: [] });
  const serve = ['dist/cli/main.js', '--json', 'serve'];
  const operatorKey = 'the-operators-key-of-this-test-run';
  const moving = { DATABASE_URL: database.url, PROMPTFORGE_OPERATOR_KEY: operatorKey };
  const external = await startServerProcess(moving, [], serve);
  onTestFinished(async () => void (await external.stop('SIGKILL')));
  // There is an administrator already: a start makes no other one.
  expect(JSON.parse(external.output())).toEqual({ ready: true, url: external.url, firstKey: null });
  const headers = { authorization: `Bearer ${key}` };
  expect((await fetch(`${external.url}/v1/prompts/support/assistant`, { headers })).status).toBe(200);
  const asking = { PROMPTFORGE_URL: external.url, PROMPTFORGE_API_KEY: key };
  const verified = await cli(asking, '--json', 'audit', 'verify');
  expect(JSON.parse(verified.output)).toMatchObject({ ok: true, faultCount: 0 });
  const told = await fetch(`${external.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operatorKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ events(first: 1) { edges { node { type payload } } } }' }),
  });
  const newest = { type: 'DatabaseRestored', payload: { by: userInfo().username, rows: facts.rows } };
  expect(await told.json()).toMatchObject({ data: { events: { edges: [{ node: newest }] } } });
}, 120_000);

it('restores nothing from a file that is damaged, and starts no database for it', async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  const file = join(directory.path, 'a.backup');
  await writeFile(file, 'no backup');
  const refused = await runToEnd(['dist/cli/main.js', 'restore', file], {
    PROMPTFORGE_DATA_DIR: join(directory.path, 'data'),
  });
  expect(refused).toMatchObject({
    code: 2,
    output: '',
    errors: `error: ${file} cannot be restored: it is no gzip file, or damaged. Nothing was restored.\n`,
  });
  expect(await readdir(directory.path)).toEqual(['a.backup']);
}, 60_000);

it('a new file is there wholly or not at all, and takes nobody’s place', async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  const path = join(directory.path, 'a');
  await expect(
    writeNewFile(path, async (file) => {
      await file.appendFile('half');
      throw new Error('broken off');
    }),
  ).rejects.toThrow('broken off');
  expect(await readdir(directory.path)).toEqual([]);
  await writeNewFile(path, (file) => file.appendFile('whole'));
  await expect(writeNewFile(path, (file) => file.appendFile('other'))).rejects.toThrow('is there already');
  // Also when the name was taken meanwhile.
  const late = join(directory.path, 'b');
  await expect(writeNewFile(late, () => writeFile(late, 'theirs'))).rejects.toThrow('is there already');
  expect(await readFile(path, 'utf8')).toBe('whole');
  expect(await readFile(late, 'utf8')).toBe('theirs');
  expect(await readdir(directory.path)).toEqual(['a', 'b']);
});

it('a backup makes no database where there is none', async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  const dataDirectory = join(directory.path, 'data');
  const config = { databaseUrl: null, migrationUrl: null, dataDirectory };
  await expect(openExistingDatabase(config, pino({ level: 'silent' }))).rejects.toThrow(
    `there is no database in ${dataDirectory}`,
  );
  expect(await readdir(directory.path)).toEqual([]);
});
