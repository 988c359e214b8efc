import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { accept, importBench, line, result, versionsOf } from './import-bench.ts';
import type { WireRequest } from './wire-server.ts';

const bench = importBench();
const { calls, importFile, write } = bench;

describe('promptforge import', () => {
  it('sends what the file holds, oldest first, and says what became of it', async () => {
    const path = await write(line('b', 2), line('a', 1), '', '  \r', line('a', 3), line('b', 4));
    const run = await importFile(path, () => result({ __typename: 'ImportReport', created: 3, skipped: 1 }));
    expect(run).toEqual({
      code: 0,
      stdout: '2 prompts imported: 3 versions created, 1 skipped (already there)\n0 lines refused\n',
      stderr: '',
    });
    expect(calls()).toEqual([['a 1', 'b 2', 'a 3', 'b 4']]);
    expect(versionsOf(bench.requests()[0] as WireRequest)[0]).toEqual({
      slug: 'a',
      committedAt: '2026-01-01T00:00:00.000Z',
      message: 'day 1',
      content: { template: 'a 1' },
    });
  });

  it('has nothing to do for an empty file', async () => {
    const run = await importFile(await write(), accept);
    expect([run.code, run.stdout]).toEqual([0, expect.stringContaining('0 prompts imported')]);
    expect(calls()).toEqual([]);
  });

  it('reports every bad line and leaves out the whole prompt, before and after it', async () => {
    const latin1 = Buffer.from(line('latin', 1, { template: 'ü' }), 'latin1');
    const path = await write(
      line('good', 1),
      line('bad', 1),
      '{"slug": "bad", ',
      line('bad', 3),
      latin1,
      line('good', 2),
      'x',
    );
    const { code, stdout, stderr } = await importFile(path, accept);
    expect(code).toBe(1);
    expect(calls()).toEqual([['good 1', 'good 2']]);
    expect(stderr.split('\n')).toEqual([
      expect.stringMatching(/^line 3 \(bad\): is not JSON/),
      expect.stringMatching(/^line 5 \(latin\): is not UTF-8/),
      expect.stringMatching(/^line 7: is not JSON/),
      '',
    ]);
    expect(stdout).toBe(
      '1 prompt imported: 2 versions created, 0 skipped (already there)\n3 lines refused\n' +
        '1 prompt left out with 2 good versions, because a line was refused: bad\n',
    );
  });

  it.each<[string, readonly string[], string]>([
    [
      'not oldest first',
      [line('a', 2), line('a', 1)],
      'before line 1 of the same prompt (2026-01-02T00:00:00.000Z): write versions oldest first',
    ],
    [
      'told twice with another text',
      [line('a', 1), line('a', 1, { template: 'other' })],
      'has the slug and "committedAt" of line 1',
    ],
    [
      'of two kinds',
      [line('a', 1), line('a', 2, { template: null, messages: [{ role: 'USER', content: 'x' }] })],
      'is CHAT and line 1 of the same prompt is TEXT',
    ],
  ])('refuses versions %s', async (_title, lines, reason) => {
    const run = await importFile(await write(...lines), accept);
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining(`line 2 (a): `)]);
    expect(run.stderr).toContain(reason);
    expect(calls()).toEqual([]);
  });

  it('sends a version once that the file tells twice', async () => {
    const run = await importFile(await write(line('a', 1), line('a', 1), line('a', 2)), accept);
    expect([run.code, run.stdout]).toEqual([0, expect.stringContaining('2 versions created, 1 skipped')]);
    expect(calls()).toEqual([['a 1', 'a 2']]);
  });

  it('never tears a prompt that fits into one call', async () => {
    const days = (slug: string, count: number) =>
      Array.from({ length: count }, (_, index) => line(slug, index + 1));
    const path = await write(...days('a', 60), ...days('b', 60), ...days('c', 40), ...days('d', 1));
    expect((await importFile(path, accept)).code).toBe(0);
    expect(calls().map((call) => [...new Set(call.map((entry) => entry.split(' ')[0]))])).toEqual([
      ['a'],
      ['b', 'c'],
      ['d'],
    ]);
  });

  it('sends a prompt of more than 100 versions in several calls, in order', async () => {
    const path = await write(
      ...Array.from({ length: 250 }, (_, index) =>
        line('a', 1, { committedAt: new Date(index * 1000).toISOString() }),
      ),
    );
    const run = await importFile(path, accept);
    expect([run.code, run.stdout]).toEqual([
      0,
      expect.stringContaining('1 prompt imported: 250 versions created'),
    ]);
    const sent = bench.requests().map(versionsOf);
    expect(sent.map((versions) => versions.length)).toEqual([100, 100, 50]);
    const times = sent.flat().map(({ committedAt }) => committedAt);
    expect(times).toEqual(times.toSorted());
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['holds a NUL', { template: '\u0000' }],
    ['is too large', { template: 'x'.repeat(1_048_577) }],
    ['has a message that is too long', { message: 'x'.repeat(2_001) }],
    ['has too many variables', { variables: Array.from({ length: 501 }, (_, i) => ({ name: `v${i}` })) }],
    ['is from the future', { committedAt: '9999-01-01T00:00:00Z' }],
  ])('sends nothing of a prompt of several calls when a late line %s', async (_title, bad) => {
    const lines = Array.from({ length: 150 }, (_, index) =>
      line('a', 1, {
        committedAt: new Date(index * 1000).toISOString(),
        ...(index === 119 ? bad : {}),
      }),
    );
    const run = await importFile(await write(...lines, line('b', 1)), accept);
    expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/^line 120 \(a\): [^\n]+\n$/)]);
    expect(calls()).toEqual([['b 1']]);
    expect(run.stdout).toContain('1 prompt left out with 149 good versions');
    expect(run.stdout).not.toContain('partly imported');
  });

  it('keeps every request below 6 MiB and sends all of a large file', async () => {
    const template = '\u00fc"\n'.repeat(250_000);
    const lines = Array.from({ length: 14 }, (_, index) =>
      line(`p/${Math.floor(index / 2)}`, index + 1, { template }),
    );
    const run = await importFile(await write(...lines), accept);
    expect([run.code, run.stdout]).toEqual([
      0,
      expect.stringContaining('7 prompts imported: 14 versions created'),
    ]);
    expect(Math.max(...bench.requests().map(({ bytes }) => bytes))).toBeLessThan(6 * 1024 * 1024);
    expect(calls().length).toBeGreaterThan(2);
    expect(
      new Set(
        bench.requests().flatMap((request) => versionsOf(request).map(({ content }) => content.template)),
      ),
    ).toEqual(new Set([template]));
  });

  it('gives one JSON object', async () => {
    const path = await write(line('a', 1), line('b', 1), line('b', 1, { message: 'other' }));
    const { code, stdout, stderr } = await importFile(path, accept, '--json');
    expect([code, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toEqual({
      dryRun: false,
      complete: true,
      prompts: 1,
      versionsCreated: 1,
      versionsSkipped: 0,
      linesRefused: 1,
      promptsLeftOut: ['b'],
      versionsLeftOut: 1,
      promptsPartlyImported: [],
      faults: [{ line: 3, slug: 'b', reason: expect.stringContaining('line 2') }],
    });
  });

  it('asks nobody for a dry run', async () => {
    const { code, stdout } = await importFile(
      await write(line('a', 1), line('b', 1), 'x'),
      accept,
      '--dry-run',
    );
    expect([code, stdout]).toEqual([1, '2 prompts would be imported\n1 line refused\n']);
    expect(calls()).toEqual([]);
  });

  it.each([
    ['a file that is not there', 'promptforge/nowhere.jsonl', 'cannot be read (ENOENT)'],
    ['a directory', '.', 'is no regular file'],
  ])('takes %s for wrong usage', async (_title, name, told) => {
    const { code, stderr } = await importFile(join(tmpdir(), name), accept);
    expect([code, stderr]).toEqual([2, expect.stringContaining(told)]);
  });
});
