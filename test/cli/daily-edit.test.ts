import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { cliOf } from './call-cli.ts';
import { startMeddlingProxy } from './meddling-proxy.ts';

let server: TestServer;
let admin: Actor;
let directory: string;
let prompts = 0;
beforeAll(async () => {
  server = await startTestServer();
  admin = await server.systemOf('default');
  directory = await mkdtemp(join(tmpdir(), 'promptforge-editing-'));
  // Files that are left behind are counted here, and others may edit on this machine.
  process.env['TMPDIR'] = directory;
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const { cli, json } = cliOf(() => server);

/** A prompt of its own, with declared variables and a config. */
async function prompt(content: object = { template: 'Hello {{name}}' }): Promise<string> {
  prompts += 1;
  const slug = `edited/p${prompts}`;
  const rest = {
    config: { model: 'm' },
    variables: [{ name: 'name', type: 'STRING', default: 'you', description: 'who' }],
  };
  await server.app.createPrompt(admin, { slug, content: { ...content, ...rest } as never });
  return slug;
}

/** An editor that replaces what it is given, and shows what it was. */
async function editorWriting(text: string): Promise<{
  env: { VISUAL: string; EDITOR: string };
  readonly seen: () => Promise<string>;
  readonly mode: () => Promise<string>;
}> {
  const at = join(directory, `text ${Math.random()}`);
  await writeFile(at, text);
  const VISUAL = `f() { cp "$1" '${at}.seen'; stat -c %a "$1" "$(dirname "$1")" > '${at}.mode'; cp '${at}' "$1"; }; f`;
  return {
    env: { VISUAL, EDITOR: 'false' },
    seen: () => readFile(`${at}.seen`, 'utf8'),
    mode: () => readFile(`${at}.mode`, 'utf8'),
  };
}

async function leftovers(): Promise<number> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('promptforge-edit-')).length;
}

async function shown(
  slug: string,
): Promise<{ version: { number: number; template: string | null; message: string | null } }> {
  return (await json(['show', slug, '--channel', 'latest'])) as never;
}

describe('promptforge edit', () => {
  it('saves what the editor leaves, with the config and variables of the newest version', async () => {
    const slug = await prompt();
    const before = await leftovers();
    const { env, seen, mode } = await editorWriting('Dear {{name}}\n');
    const { code, stdout } = await cli(['edit', slug, '--message', 'Politer'], { env });
    expect([code, stdout]).toEqual([0, expect.stringContaining(`${slug}: version 2 saved`)]);
    expect([await seen(), await mode()]).toEqual(['Hello {{name}}\n', '600\n700\n']);
    expect(await leftovers()).toBe(before);
    const { version } = await shown(slug);
    expect(version).toMatchObject({
      number: 2,
      template: 'Dear {{name}}',
      message: 'Politer',
      config: { model: 'm' },
      variables: [{ name: 'name', default: 'you', description: 'who', declared: true }],
    });
  });

  it('shows a chat as a text and reads it back', async () => {
    const messages = [{ role: 'SYSTEM', content: 'Be kind.\n[1] x' }];
    const slug = await prompt({ messages });
    const { env, seen } = await editorWriting('[1] SYSTEM\nBe short.\n\\[1] x\n[1] USER (ann)\n{{name}}\n');
    expect((await cli(['edit', slug], { env })).code).toBe(0);
    expect(await seen()).toBe('[1] SYSTEM\nBe kind.\n\\[1] x\n');
    expect(await shown(slug)).toMatchObject({
      version: {
        messages: [{ content: 'Be short.\n[1] x' }, { role: 'USER', name: 'ann', content: '{{name}}' }],
      },
    });
  });

  it.each(['Hello {{name}}', 'Hello {{name}}\n', ''])(
    'saves nothing when %j was not changed',
    async (template) => {
      const slug = await prompt({ template });
      const run = await cli(['edit', slug], { env: { EDITOR: 'touch' } });
      expect([run.code, run.stdout]).toEqual([0, expect.stringContaining('nothing was changed')]);
      expect((await shown(slug)).version.number).toBe(1);
    },
  );

  it('saves nothing when the file was left empty', async () => {
    const slug = await prompt();
    const run = await cli(['edit', slug], { env: { EDITOR: 'f() { : > "$1"; }; f' } });
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('was left empty')]);
    expect((await shown(slug)).version.number).toBe(1);
  });

  it('saves nothing when the editor fails, and keeps what was written', async () => {
    const slug = await prompt();
    const before = await leftovers();
    const untouched = await cli(['edit', slug], { env: { EDITOR: 'false' } });
    expect([untouched.code, untouched.stderr]).toEqual([1, expect.stringContaining('nothing was saved')]);
    expect(await leftovers()).toBe(before);
    const written = await cli(['edit', slug], { env: { EDITOR: 'f() { echo mine > "$1"; exit 3; }; f' } });
    expect(written.code).toBe(1);
    const [, path = ''] = /kept in (\S+):/.exec(written.stderr) ?? [];
    onTestFinished(() => rm(dirname(path), { recursive: true }));
    expect(await readFile(path, 'utf8')).toBe('mine\n');
    expect((await shown(slug)).version.number).toBe(1);
  });

  it('shows what changed meanwhile when somebody was faster, and keeps the file', async () => {
    const slug = await prompt();
    const before = async () =>
      server.app.editPrompt(admin, { slug, content: { template: 'Theirs' }, message: 'Faster' });
    const proxy = await startMeddlingProxy(server.url, { operation: 'SaveVersion', before });
    onTestFinished(() => proxy.close());
    const { env } = await editorWriting('Mine\n');
    const { code, stderr } = await cli(['edit', slug], { env: { ...env, PROMPTFORGE_URL: proxy.url } });
    expect(code).toBe(5);
    expect(stderr).toContain('from version 1 to version 2 by system (Faster): nothing was saved');
    expect(stderr).toContain('-Hello {{name}}\n');
    expect(stderr).toContain('+Theirs\n');
    expect(stderr).toMatch(new RegExp(`promptforge edit ${slug} --file \\S+ --base 1\``));
    const [, path = ''] = /kept in (\S+):/.exec(stderr) ?? [];
    onTestFinished(() => rm(dirname(path), { recursive: true }));
    expect([await readFile(path, 'utf8'), ((await stat(path)).mode & 0o777).toString(8)]).toEqual([
      'Mine\n',
      '600',
    ]);
    const again = await cli(['edit', slug, '--file', path, '--base', '1']);
    expect([again.code, again.stderr]).toEqual([5, expect.stringContaining('was changed meanwhile')]);
    expect((await cli(['edit', slug, '--file', path])).code).toBe(0);
    expect((await shown(slug)).version).toMatchObject({ number: 3, template: 'Mine\n' });
  });

  it('saves once when the answer is lost on the way', async () => {
    const slug = await prompt();
    const proxy = await startMeddlingProxy(server.url, { operation: 'SaveVersion', loses: 1 });
    onTestFinished(() => proxy.close());
    const run = await cli(['edit', slug, '--file', '-'], {
      stdin: 'Once',
      env: { PROMPTFORGE_URL: proxy.url },
    });
    expect([run.code, run.stdout]).toEqual([0, expect.stringContaining('version 2 saved')]);
    expect((await shown(slug)).version).toMatchObject({ number: 2, template: 'Once' });
  });

  it('takes a text from a pipe byte for byte, and a chat also as JSON', async () => {
    const slug = await prompt();
    const text = '\uFEFFa\r\nb {{name}} \u0001';
    expect((await cli(['edit', slug, '--file', '-'], { stdin: text })).code).toBe(0);
    expect((await cli(['show', slug, '--channel', 'latest'])).stdout).toBe(text);
    expect(await json(['edit', slug, '--file', await fileWith(text)])).toEqual({
      slug,
      saved: false,
      version: 2,
    });
    const chat = await prompt({ messages: [{ role: 'USER', content: 'a' }] });
    const messages = [{ role: 'USER', content: 'b' }];
    expect((await cli(['edit', chat, '--file', '-'], { stdin: JSON.stringify(messages) })).code).toBe(0);
    expect((await cli(['show', chat, '--channel', 'latest', '--raw'])).stdout).toBe(
      `${JSON.stringify(messages)}\n`,
    );
  });

  it('creates a prompt, and tells what looks unintended', async () => {
    const { env } = await editorWriting('Hi {{oops\n');
    const run = await cli(['edit', 'new/text', '--create'], { env });
    expect([run.code, run.stderr]).toEqual([0, expect.stringContaining('warning: "{{" starts no variable')]);
    expect((await shown('new/text')).version.template).toBe('Hi {{oops\n');
    const chat = await cli(['edit', 'new/chat', '--create', '--kind', 'CHAT', '--file', '-'], {
      stdin: '[1] USER\nHi',
    });
    expect(chat.code).toBe(0);
    const empty = await cli(['edit', 'new/empty', '--create', '--kind', 'CHAT'], {
      env: { EDITOR: 'touch' },
    });
    expect(empty.stdout).toContain('nothing was saved');
    const taken = await cli(['edit', 'new/text', '--create', '--file', '-'], { stdin: 'x' });
    expect([taken.code, taken.stderr]).toEqual([5, expect.stringContaining('Leave out --create')]);
  });

  it.each([
    [['nope', '--file', '-'], 5, '--create makes it'],
    [['new/text', '--kind', 'CHAT'], 2, 'keeps its kind'],
    [['new/text', '--base', '1'], 2, '--base is for --file'],
    [['new/text', '--file', '/nowhere'], 2, 'ENOENT'],
    [['new/text'], 2, 'set VISUAL or EDITOR'],
    [['new/chat', '--file', '-'], 2, 'line 1: a message begins with'],
    [['new/x', '--create', '--file', '-', '--kind', 'NOPE'], 2, 'TEXT, CHAT'],
    [['New', '--create', '--file', '-'], 5, 'is not a slug'],
  ])('refuses edit %j with %i: %j', async (args, code, says) => {
    const env = { VISUAL: '', EDITOR: '' };
    const run = await cli(['edit', ...args], { env, stdin: 'no chat' });
    expect([run.code, run.stdout, run.stderr]).toEqual([code, '', expect.stringContaining(says)]);
  });

  it('refuses what is not UTF-8, and an archived prompt before anybody writes', async () => {
    const slug = await prompt();
    const path = await fileWith(Buffer.from([0x41, 0xff]));
    const bytes = await cli(['edit', slug, '--file', path]);
    expect([bytes.code, bytes.stderr]).toEqual([2, expect.stringContaining('is not UTF-8')]);
    await server.app.archivePrompt(admin, { slug });
    const archived = await cli(['edit', slug], { env: { EDITOR: 'false' } });
    expect([archived.code, archived.stderr]).toEqual([5, expect.stringContaining('is archived')]);
  });
});

async function fileWith(content: string | Buffer): Promise<string> {
  const path = join(directory, `file ${Math.random()}`);
  await writeFile(path, content);
  return path;
}
