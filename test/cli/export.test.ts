import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { cliOf } from './call-cli.ts';
import { runCli } from './run-cli.ts';

const OPERATOR_KEY = 'operator-key-of-the-export-test-00';
const ADMIN_KEY = 'admin-key-of-the-export-test-00000';

/** One server and two workspaces, of which the second is empty. */
let from: TestServer;
let to: Pick<TestServer, 'url' | 'adminKey'>;
let directory: string;
beforeAll(async () => {
  from = await startTestServer({ config: { operatorKey: OPERATOR_KEY, adminKey: ADMIN_KEY } });
  const created = await from.execute<{ createWorkspace: { adminKey: string } }, unknown>(
    'mutation { createWorkspace(input: { slug: "empty", name: "Empty" }) { ... on CreatedWorkspace { adminKey } } }',
    {},
    { key: OPERATOR_KEY },
  );
  to = { url: from.url, adminKey: created.data().createWorkspace.adminKey };
  directory = await mkdtemp(join(tmpdir(), 'promptforge-export-'));
});
afterAll(async () => {
  await from.close();
  await rm(directory, { recursive: true });
});

const cli = (server: typeof to, ...args: string[]) => cliOf(() => server).cli(args);

const HISTORY = `{
  prompts(first: 100, filter: { archived: null }) {
    edges { node { slug kind createdAt versions(first: 100) { edges { node { number message createdAt contentHash } } } } }
  }
}`;

async function fill(server: TestServer): Promise<void> {
  const admin = await server.systemOf('default');
  const variables = [
    { name: 'unused', type: 'JSON' as const, default: { a: [1e21, 'x'] }, required: false },
    { name: 'tone', type: 'ENUM' as const, options: ['warm', 'dry'], default: 'dry', description: 'how' },
  ];
  const text = { template: 'Grüße {{tone}}\r\n{{ }}', config: { temperature: 0.5, stop: ['\n'] }, variables };
  await server.app.createPrompt(admin, { slug: 'a/text', content: text, tags: ['x'], message: 'first' });
  for (let number = 2; number <= 25; number += 1) {
    await server.app.editPrompt(admin, { slug: 'a/text', content: { ...text, template: `v ${number}` } });
  }
  const messages = [
    { role: 'SYSTEM', content: '' },
    { role: 'USER', content: '{{q}}', name: 'ann' },
  ];
  await server.app.createPrompt(admin, { slug: 'b/chat', content: { messages } });
  await server.app.createPrompt(admin, { slug: 'c/retired', content: { template: '' } });
  await server.app.archivePrompt(admin, { slug: 'c/retired' });
}

describe('promptforge export', () => {
  it('writes what import turns into the same versions, dates and hashes elsewhere', async () => {
    await fill(from);
    const path = join(directory, 'all.jsonl');
    const exported = await cli(from, 'export', '--out', path);
    expect([exported.code, exported.stderr]).toEqual([0, '']);
    expect(exported.stdout).toMatch(/^27 versions of 3 prompts exported\n1 of the prompts are archived here/);
    expect(exported.stdout).toContain('Not in the file: what channels serve');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const imported = await cli(to, 'import', path);
    expect([imported.code, imported.stdout]).toEqual([0, expect.stringContaining('27 versions created')]);
    const [before, after] = await Promise.all(
      [from, to].map(({ adminKey: key }) => from.execute(HISTORY, {}, { key })),
    );
    expect(JSON.stringify(before?.data())).toContain('"number":25');
    expect(after?.data()).toEqual(before?.data());
    const { url, adminKey } = to;
    // A process of its own: standard output is what is looked at.
    const again = await runCli(['export'], { PROMPTFORGE_URL: url, PROMPTFORGE_API_KEY: adminKey });
    expect([again.code, again.stdout]).toEqual([0, await readFile(path, 'utf8')]);
  });

  it('leaves a file that is there alone, and none behind when it cannot finish', async () => {
    const path = join(directory, 'kept.jsonl');
    await writeFile(path, 'mine');
    const kept = await cli(from, 'export', '--out', path);
    expect([kept.code, kept.stderr]).toEqual([2, expect.stringContaining('is there already')]);
    expect(await readFile(path, 'utf8')).toBe('mine');
    await from.database.query(
      `DO $$ BEGIN SET LOCAL session_replication_role = replica; UPDATE prompt_version SET template = 'forged' WHERE number = 25; END $$`,
    );
    const forged = await cli(from, 'export', '--out', join(directory, 'forged.jsonl'));
    expect([forged.code, forged.stderr]).toEqual([
      5,
      expect.stringContaining('a/text, version 25: the content does not have the hash'),
    ]);
    expect(await readdir(directory)).toEqual(['all.jsonl', 'kept.jsonl']);
    await from.database.query(
      `DO $$ BEGIN SET LOCAL session_replication_role = replica; UPDATE prompt_version SET template = 'v 25' WHERE number = 25; END $$`,
    );
  });

  it('gives versions of one moment dates that import can tell apart, and says so', async () => {
    await from.database.query(
      `DO $$ BEGIN SET LOCAL session_replication_role = replica; UPDATE prompt_version SET created_at = '2026-01-01T00:00:00Z' WHERE number IN (23, 24, 25); END $$`,
    );
    const path = join(directory, 'moved.jsonl');
    const { code, stdout } = await cli(from, 'export', '--out', path, '--json');
    expect(code).toBe(0);
    const { moved } = JSON.parse(stdout) as { moved: readonly { number: number; committedAt: string }[] };
    expect(moved.map(({ number }) => number)).toEqual([23, 24, 25]);
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    const dates = lines.slice(0, 25).map((line) => (JSON.parse(line) as { committedAt: string }).committedAt);
    expect(dates).toEqual([...new Set(dates)].toSorted());
    expect((await cli(to, 'import', '--dry-run', path)).code).toBe(0);
  });

  it('adds nothing where it comes from, moved dates or not', async () => {
    // Three of them have dates that the export had to move.
    const path = join(directory, 'moved.jsonl');
    const before = await from.execute(HISTORY, {}, { key: from.adminKey });
    const { code, stdout } = await cli(from, 'import', path);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/\b0 versions created.*27/s)]);
    const after = await from.execute(HISTORY, {}, { key: from.adminKey });
    expect(after.data()).toEqual(before.data());
  });
});
