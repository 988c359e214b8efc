import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { cliOf } from './call-cli.ts';
import { REFUSED_READS } from './daily-refusals.ts';

const SLUG = 'support/assistant';
const CHAT = 'support/chat';
const VARIABLES = [
  { name: 'count', type: 'NUMBER' },
  { name: 'tone', type: 'ENUM', options: ['kind', 'formal'], default: 'kind' },
  { name: 'tags', type: 'JSON', required: false },
] as const;
const MESSAGES = [
  { role: 'SYSTEM', content: 'Be kind.\n[1] is no header' },
  { role: 'USER', content: '{{q}}', name: 'ann' },
] as const;
let server: TestServer;
let admin: Actor;
beforeAll(async () => {
  server = await startTestServer();
  admin = await server.systemOf('default');
  const { app } = server;
  await app.createPrompt(admin, {
    slug: SLUG,
    tags: ['demo', 'a\u001b[31mb'],
    owner: 'team',
    message: 'First\ndraft',
    content: { template: 'Hello {{customer}}' },
  });
  await app.editPrompt(admin, {
    slug: SLUG,
    message: 'Counts',
    content: {
      template: 'Hello {{customer}}, {{count}} {{tone}} {{tags}}\u001b[2J\n',
      variables: VARIABLES,
      config: { model: 'm' },
    },
  });
  await app.promoteVersion(admin, { slug: SLUG, version: 1, reason: 'Reviewed' });
  await app.createPrompt(admin, { slug: CHAT, content: { messages: MESSAGES } });
  await app.createPrompt(admin, { slug: 'old', content: { template: '' } });
  await app.archivePrompt(admin, { slug: 'old' });
});
afterAll(() => server.close());

const { cli, json } = cliOf(() => server);

describe('promptforge list', () => {
  it('shows what there is, and what a channel serves', async () => {
    const { code, stdout, stderr } = await cli(['list']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'yyyy-mm-dd hh:mm')).toBe(
      [
        'prompt             kind  newest  stable                    tags',
        'support/assistant  TEXT  2       1 since yyyy-mm-dd hh:mm  demo, a\\x1b[31mb',
        'support/chat       CHAT  1       -',
        '',
      ].join('\n'),
    );
  });

  it('answers one JSON value for programs', async () => {
    expect(await json(['list', '--channel', 'latest', '--folder', 'support', '--limit', '1'])).toEqual({
      channel: 'latest',
      prompts: [
        expect.objectContaining({
          slug: SLUG,
          newest: 2,
          serving: { version: 2, since: expect.any(String) },
        }),
      ],
    });
  });

  it.each([
    [['--archived'], ['old']],
    [['--tag', 'demo'], [SLUG]],
    [['--owner', 'team'], [SLUG]],
    [['--search', 'be kind'], [CHAT]],
    [['--folder', 'nowhere'], []],
  ])('lists with %j exactly %j', async (args, slugs) => {
    expect(await json(['list', ...args])).toMatchObject({ prompts: slugs.map((slug) => ({ slug })) });
  });

  it('goes through all pages', async () => {
    const slugs = Array.from({ length: 205 }, (_, index) => `many/p${String(index).padStart(3, '0')}`);
    for (let at = 0; at < slugs.length; at += 100) {
      const versions = slugs.slice(at, at + 100).map((slug) => {
        return { slug, committedAt: new Date('2026-01-01'), content: { template: 'x' } };
      });
      await server.app.importVersions(admin, { versions });
    }
    const all = (await json(['list', '--folder', 'many'])) as { prompts: { slug: string }[] };
    expect(all.prompts.map(({ slug }) => slug)).toEqual(slugs);
    const some = (await json(['list', '--folder', 'many', '--limit', '150'])) as { prompts: object[] };
    expect(some.prompts).toHaveLength(150);
  });
});

describe('promptforge show', () => {
  it('writes exactly the text into a pipe, of what stable serves', async () => {
    expect(await cli(['show', SLUG])).toEqual({ code: 0, stdout: 'Hello {{customer}}', stderr: '' });
  });

  it('takes --version after the command as the number of a version', async () => {
    const { stdout } = await cli(['show', SLUG, '--version', '2']);
    expect(stdout).toBe('Hello {{customer}}, {{count}} {{tone}} {{tags}}\u001b[2J\n');
  });

  it('puts a head above it on a terminal, which obeys nothing of the text', async () => {
    const { stdout } = await cli(['show', SLUG, '--channel', 'latest'], { isTTY: true });
    expect(stdout).toContain('version 2, what latest serves');
    expect(stdout).toMatch(/served .*latest/);
    expect(stdout).toContain('count: NUMBER, tone: ENUM, tags?: JSON');
    expect(stdout).toContain('{{tags}}\\x1b[2J\n');
    const raw = await cli(['show', SLUG, '--version', '2', '--raw'], { isTTY: true });
    expect(raw.stdout).toBe('Hello {{customer}}, {{count}} {{tone}} {{tags}}\u001b[2J\n');
  });

  it('shows a chat as its messages, with --raw as JSON', async () => {
    const chat = await cli(['show', CHAT, '--channel', 'latest']);
    expect(chat.stdout).toBe('[1] SYSTEM\nBe kind.\n\\[1] is no header\n[2] USER (ann)\n{{q}}\n');
    const raw = await cli(['show', CHAT, '--channel', 'latest', '--raw']);
    expect(JSON.parse(raw.stdout)).toMatchObject([{ role: 'SYSTEM' }, { role: 'USER', name: 'ann' }]);
  });

  it('tells all of it as JSON', async () => {
    expect(await json(['show', SLUG, '--version', '2'])).toMatchObject({
      slug: SLUG,
      kind: 'TEXT',
      channel: null,
      version: {
        number: 2,
        config: { model: 'm' },
        channels: ['latest'],
        contentHash: expect.stringMatching(/^sha256:/),
      },
    });
  });

  it.each(REFUSED_READS)('%j ends with %i and says %j', async (args, code, says) => {
    const run = await cli(args);
    expect([run.code, run.stdout, run.stderr]).toEqual([code, '', expect.stringContaining(says)]);
  });
});

describe('promptforge history', () => {
  it('tells who saved and who moved what, and why, the newest first', async () => {
    const { code, stdout, stderr } = await cli(['history', SLUG]);
    expect([code, stderr]).toEqual([0, '']);
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/).slice(1));
    expect(rows).toEqual([
      ['what', 'who', 'why'],
      ['stable: nothing -> 1', 'PROMOTION', 'system', 'Reviewed'],
      ['version 2 saved', 'system', 'Counts'],
      ['version 1 saved', 'system', 'First draft'],
      [],
    ]);
  });

  it('tells the moves of one channel, and that there are more than it shows', async () => {
    const latest = await json(['history', SLUG, '--channel', 'latest']);
    expect(latest).toMatchObject({
      complete: true,
      entries: [
        { channel: 'latest', from: 1, to: 2, kind: 'SAVE' },
        { from: null, to: 1 },
      ],
    });
    const { stdout, stderr } = await cli(['history', SLUG, '--limit', '2']);
    expect(stdout).not.toContain('version 1 saved');
    expect(stderr).toContain('--limit 4');
  });

  it('goes through all pages of both', async () => {
    const versions = Array.from({ length: 99 }, (_, index) => {
      return {
        slug: 'long/imported',
        committedAt: new Date(index * 1000),
        content: { template: `${index}` },
      };
    });
    await server.app.importVersions(admin, { versions });
    await server.app.importVersions(admin, {
      versions: versions.map((version) => ({
        ...version,
        committedAt: new Date(version.committedAt.getTime() + 1e9),
      })),
    });
    const all = (await json(['history', 'long/imported', '--limit', 'all'])) as {
      entries: { version: number }[];
    };
    expect(all.entries.map(({ version }) => version)).toEqual(
      Array.from({ length: 198 }, (_, index) => 198 - index),
    );
  });
});

describe('promptforge diff', () => {
  it('ends with 1 and a diff when there is a difference', async () => {
    const { code, stdout } = await cli(['diff', SLUG]);
    expect(code).toBe(1);
    const [first, ...patch] = stdout.split('\n');
    expect(first).toBe(
      `${SLUG}: version 1 (stable) -> version 2 (latest): +26 -1 lines; variables added: count, tone, tags; config changed`,
    );
    expect(patch.slice(0, 3)).toEqual(['--- version 1', '+++ version 2', '@@ -1,1 +1,1 @@']);
    expect(patch).toContain('-Hello {{customer}}');
  });

  it('ends with 0 and nothing when there is none', async () => {
    expect(await cli(['diff', SLUG, '2..latest'])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await json(['diff', SLUG, '..1'])).toMatchObject({ from: 1, to: 1, differs: false });
  });

  it('is coloured on a terminal, and nothing in it is obeyed', async () => {
    const { stdout } = await cli(['diff', SLUG, '1..'], { isTTY: true, env: { FORCE_COLOR: '1' } });
    expect(stdout).toContain('\u001b[32m+');
    expect(stdout).toContain('\\x1b[2J');
    expect(stdout).not.toContain('\u001b[2J');
  });
});

describe('promptforge render', () => {
  it('fills what stable serves', async () => {
    expect((await cli(['render', SLUG, '--var', 'customer=Ada=x'])).stdout).toBe('Hello Ada=x');
  });

  it('reads values as the types that are declared, and a file of them under those of --var', async () => {
    const args = [
      'render',
      SLUG,
      '--version',
      '2',
      '--vars',
      '-',
      '--var',
      'count=3',
      '--var',
      'tags={"a":[1]}',
    ];
    const { code, stdout } = await cli(args, { stdin: '{"customer":"Ada","count":7}' });
    expect([code, stdout]).toEqual([0, 'Hello Ada, 3 kind {"a":[1]}\u001b[2J\n']);
  });

  it('is open to the key of a service, which reads what channels serve and nothing else', async () => {
    const { key } = await server.createKey('SERVICE');
    const env = { PROMPTFORGE_API_KEY: key };
    expect((await cli(['render', SLUG, '--var', 'customer=Ada'], { env })).stdout).toBe('Hello Ada');
    const unknown = await cli(['render', 'nope'], { env });
    expect([unknown.code, unknown.stderr]).toEqual([5, expect.stringContaining('there is no prompt "nope"')]);
    expect((await cli(['history', SLUG], { env })).code).toBe(4);
  });

  it('renders a chat', async () => {
    const args = ['render', CHAT, '--channel', 'latest', '--var', 'q=Why?'];
    expect((await cli(args)).stdout).toContain('[2] USER (ann)\nWhy?\n');
    expect(await json(args)).toMatchObject({ version: 1, messages: [{}, { content: 'Why?' }] });
  });

  it('tells all values that do not fit, at once', async () => {
    const args = [
      'render',
      SLUG,
      '--version',
      '2',
      '--var',
      'count=many',
      '--var',
      'tone=rude',
      '--var',
      'else=1',
    ];
    const run = await cli([...args, '--json']);
    expect([run.code, JSON.parse(run.stdout)]).toEqual([
      5,
      { slug: SLUG, version: 2, missing: ['customer'], unknown: ['else'], invalid: ['count', 'tone'] },
    ]);
    expect(run.stderr.split('\n')).toEqual([
      `error: these values do not fit version 2 of ${SLUG}:`,
      '  missing: customer (STRING)',
      '  unknown: else',
      '  does not fit: count (NUMBER)',
      '  does not fit: tone (one of kind, formal)',
      '',
    ]);
    const lenient = await cli([...args, '--no-strict']);
    expect([lenient.code, lenient.stdout]).toEqual([
      0,
      expect.stringContaining('Hello {{customer}}, many rude'),
    ]);
  });

  it.each(['nope', '[]', '"a"', ''])('refuses %j as values', async (stdin) => {
    const run = await cli(['render', SLUG, '--vars', '-'], { stdin });
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('holds no JSON object')]);
  });
});
