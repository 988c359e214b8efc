import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { line } from './import-bench.ts';
import { runCli } from './run-cli.ts';
import type { CliRun } from './run-cli.ts';

let server: TestServer;
let directory: string;
beforeAll(async () => {
  server = await startTestServer();
  directory = await mkdtemp(join(tmpdir(), 'promptforge-cli-'));
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

function cli(args: readonly string[], key = server.adminKey): Promise<CliRun> {
  return runCli(args, { PROMPTFORGE_URL: server.url, PROMPTFORGE_API_KEY: key });
}

async function importLines(lines: readonly string[], key?: string): Promise<CliRun> {
  const path = join(directory, 'versions.jsonl');
  await writeFile(path, lines.join('\n'));
  return cli(['import', path], key);
}

/** What a superuser can do and the application cannot: change rows past the triggers. */
async function tamper(sql: string): Promise<void> {
  await server.database.query(`DO $$ BEGIN SET LOCAL session_replication_role = replica; ${sql}; END $$`);
}

describe('promptforge against the real server', () => {
  it('imports a history once, however often it is asked', async () => {
    const seconds = (index: number) => ({
      committedAt: new Date(Date.UTC(2025, 0, 1) + index * 1000).toISOString(),
    });
    const long = Array.from({ length: 230 }, (_, index) => line('long/one', 1, seconds(index)));
    const messages = [{ role: 'SYSTEM', content: 'Grüße {{name}}\r\n', name: 'ann' }];
    const chat = line('a/chat', 2, { template: null, messages, config: { temperature: 0.5 } });
    const first = await importLines([...long, chat]);
    expect(first).toEqual({
      code: 0,
      stdout: '2 prompts imported: 231 versions created, 0 skipped (already there)\n0 lines refused\n',
      stderr: '',
    });
    const again = await importLines([...long, chat]);
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringContaining('0 versions created, 231 skipped'),
    ]);
    const answer = await server.execute<Record<string, unknown>, unknown>(
      '{ long: prompt(slug: "long/one") { latest { number createdAt } } chat: prompt(slug: "a/chat") { latest { message config messages { role content name } } } }',
    );
    expect(answer.data()).toEqual({
      long: { latest: { number: 230, createdAt: '2025-01-01T00:03:49.000Z' } },
      chat: { latest: { message: 'day 2', config: { temperature: 0.5 }, messages } },
    });
  });

  it('leaves out the prompts with a bad line or that the server refuses, and tells their lines', async () => {
    const { code, stdout, stderr } = await importLines([
      line('ok/one', 1),
      line('nul/one', 1),
      line('nul/one', 2, { template: 'a\u0000' }),
      line('a/chat', 3),
      line('ok/one', 4),
      line('long/one', 1, { committedAt: '2020-01-01T00:00:00Z' }),
    ]);
    expect([code, stdout.split('\n')[0]]).toEqual([
      1,
      '1 prompt imported: 2 versions created, 0 skipped (already there)',
    ]);
    expect(stderr.trimEnd().split('\n').toSorted()).toEqual([
      expect.stringMatching(/^line 3 \(nul\/one\): "template" holds a NUL character/),
      expect.stringMatching(/^line 4 \(a\/chat\): is refused by the server: a\/chat is a CHAT prompt/),
      expect.stringMatching(
        /^line 6 \(long\/one\): is refused by the server: committedAt: is before version 230/,
      ),
    ]);
  });

  it('tells a key that may only read from one that nobody knows', async () => {
    const { key } = await server.createKey('VIEWER');
    const reader = await importLines([line('ok/two', 1)], key);
    expect([reader.code, reader.stderr]).toEqual([4, expect.stringContaining('history:import')]);
    const stranger = await importLines([line('ok/two', 1)], `${key.slice(0, -1)}x`);
    expect([stranger.code, stranger.stderr]).toEqual([4, expect.stringContaining('set PROMPTFORGE_API_KEY')]);
  });

  it('verifies the audit trail, also with a key that may only read', async () => {
    const { key } = await server.createKey('VIEWER');
    const { code, stdout } = await cli(['audit', 'verify', '--json'], key);
    expect(code).toBe(0);
    const verdict = JSON.parse(stdout) as { verified: number; head: { seq: number; hash: string } };
    expect(verdict).toMatchObject({ ok: true, faults: [], verified: verdict.head.seq });
    expect(verdict.verified).toBeGreaterThan(231);
    const { seq, hash } = verdict.head;
    expect((await cli(['audit', 'verify', '--checkpoint', `${seq}:${hash}`])).code).toBe(0);
  });

  it('finds what a superuser did to the log', async () => {
    const { stdout: before } = await cli(['audit', 'verify', '--json']);
    const { head } = JSON.parse(before) as { head: { seq: number; hash: string } };
    await tamper(`UPDATE event SET payload = replace(payload, 'long/one', 'long/two') WHERE seq = 100`);
    await tamper(`DELETE FROM event WHERE seq = 50`);
    await tamper(
      `DELETE FROM event WHERE seq <= 2 AND workspace_id = (SELECT id FROM workspace WHERE slug = 'default')`,
    );
    await tamper(`DELETE FROM event WHERE seq = ${head.seq}`);
    await tamper(
      'UPDATE event SET seq = 0 WHERE seq = 150; UPDATE event SET seq = 150 WHERE seq = 151; UPDATE event SET seq = 151 WHERE seq = 0',
    );
    expect((await cli(['audit', 'verify'])).stdout).toContain(`event ${head.seq} is missing`);
    const { code, stdout } = await cli([
      'audit',
      'verify',
      '--json',
      '--checkpoint',
      `${head.seq}:${head.hash}`,
    ]);
    expect(code).toBe(1);
    const { faults } = JSON.parse(stdout) as { faults: readonly { kind: string; seq: number }[] };
    expect(faults.map(({ kind, seq }) => `${kind} ${seq}`)).toEqual([
      'MISSING 1',
      'MISSING 50',
      'EDITED 100',
      'INSERTED_OR_REORDERED 149',
      'EDITED 150',
      'INSERTED_OR_REORDERED 150',
      'EDITED 151',
      'INSERTED_OR_REORDERED 151',
      `MISSING ${head.seq}`,
    ]);
  });
});
