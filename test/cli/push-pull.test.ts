import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseConnection } from '../../src/cli/connection.ts';
import { graphqlClient } from '../../src/cli/graphql-client.ts';
import { readLocalFile } from '../../src/cli/prompt-folder.ts';
import { pushFile } from '../../src/cli/push-file.ts';
import { folderBench, withBody } from './folder-bench.ts';

const bench = folderBench();
const { create, edit, folder, history, pull, push, read, scope, server, write } = bench;

const CHAT = {
  messages: [
    { role: 'SYSTEM', content: 'Be {{tone}}.\r\n[2] USER' },
    { role: 'USER', content: '{{q}}', name: 'ann' },
  ],
  variables: [{ name: 'tone', type: 'ENUM' as const, options: ['warm', 'dry'] }],
  config: { temperature: 0.2, stop: ['\n\n'] },
};
const lines = (...changed: readonly (readonly [number, string])[]) =>
  Array.from({ length: 9 }, (_, index) => new Map(changed).get(index + 1) ?? `line ${index + 1}`).join('\n');

describe('pull and push', () => {
  it('change nothing when nothing was edited', async () => {
    await create('text', { template: 'a\r\nb {{}} \n\n' });
    await create('deep/chat', CHAT);
    for (const name of ['a', 'b', 'c', 'd']) await create(`deep/${name}`, { template: name });
    const first = await pull();
    expect([first.code, first.stdout.split('\n').at(-2)]).toEqual([0, '6 new']);
    const files = [await read('text'), await read('deep/chat')];
    expect(files[0]).toMatch(
      /^---\nkind: TEXT\nversion: 1\ncontentHash: sha256:[0-9a-f]{64}\n---\na\r\nb {{}} \n\n$/,
    );
    expect((await pull()).stdout).toBe('6 unchanged\n');
    expect((await push()).stdout).toBe('6 unchanged\n');
    expect([await read('text'), await read('deep/chat')]).toEqual(files);
    expect(await history('deep/chat')).toEqual(['1 -']);
  });

  it('save exactly what was edited, once, and keep the comments of the file', async () => {
    for (const name of ['a', 'b', 'c']) await create(name, { template: name });
    await create('chat', CHAT);
    await pull();
    await write('a', withBody((await read('a')).replace('---\n', '---\n# ours\n'), 'A'));
    await write('chat', (await read('chat')).replace('temperature: 0.2', 'temperature: 0.9 # warmer'));
    const dry = await push('--dry-run', '-m', 'why');
    expect([dry.code, dry.stdout]).toEqual([
      0,
      expect.stringMatching(/would be version 2, "why"\n[^]*-a\n[^]*\+A\n/),
    ]);
    expect(await history('a')).toEqual(['1 -']);
    const pushed = await push('-m', 'warmer');
    expect([pushed.code, pushed.stdout.split('\n').at(-2)]).toEqual([0, '2 unchanged, 2 saved']);
    expect([await history('a'), await history('b'), await history('chat')]).toEqual([
      ['1 -', '2 warmer'],
      ['1 -'],
      ['1 -', '2 warmer'],
    ]);
    expect(await read('a')).toMatch(/^---\n# ours\nkind: TEXT\nversion: 2\n[^]*---\nA$/);
    expect(await read('chat')).toContain('temperature: 0.9 # warmer');
    expect((await push()).stdout).toBe('4 unchanged\n');
    expect((await pull()).stdout).toBe('4 unchanged\n');
  });

  it('bring files that were not edited up to date, and leave edited ones alone', async () => {
    await create('a', { template: 'a' });
    await create('b', { template: 'b' });
    await pull();
    await write('a', withBody(await read('a'), 'mine'));
    await chmod(join(folder(), scope(), 'b.prompt.md'), 0o600);
    await edit('b', { template: 'b2' });
    const { code, stdout } = await pull();
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^edited .*since version 1.*\nupdated .*version 1 -> 2\n/),
    ]);
    expect(await read('b')).toMatch(/version: 2\n[^]*---\nb2$/);
    expect((await stat(join(folder(), scope(), 'b.prompt.md'))).mode & 0o777).toBe(0o600);
    expect(await read('a')).toMatch(/version: 1\n[^]*---\nmine$/);
  });

  it('show what both sides changed, and touch neither', async () => {
    await create('a', { template: lines() });
    await create('b', { template: 'b' });
    await pull();
    const mine = withBody(await read('a'), lines([5, 'mine']));
    await write('a', mine);
    await write('b', withBody(await read('b'), 'b2'));
    await edit('a', { template: lines([5, 'theirs']) });
    const pulled = await pull('--json');
    const { files } = JSON.parse(pulled.stdout) as { files: { what: string; diffs: string[] }[] };
    expect([pulled.code, files.map(({ what }) => what)]).toEqual([1, ['conflict', 'edited']]);
    expect(files[0]?.diffs).toEqual([
      expect.stringMatching(/^--- version 1\n\+\+\+ this file\n[^]*-line 5\n\+mine\n/),
      expect.stringMatching(/^--- version 1\n\+\+\+ version 2\n[^]*-line 5\n\+theirs\n/),
    ]);
    const pushed = await push('-m', 'x');
    expect([pushed.code, pushed.stdout.split('\n').at(-2)]).toEqual([1, '1 conflict, 1 saved']);
    expect([await read('a'), await history('a'), await history('b')]).toEqual([
      mine,
      ['1 -', '2 -'],
      ['1 -', '2 x'],
    ]);
  });

  it('merge both sides on demand; what is between markers is not saved', async () => {
    await create('a', { template: lines() });
    await create('b', { template: lines() });
    await pull();
    await write('a', withBody(await read('a'), lines([1, 'mine'])));
    await write('b', withBody(await read('b'), lines([5, 'mine'])));
    await edit('a', { template: lines([9, 'theirs']), config: { n: 1 } });
    await edit('b', { template: lines([5, 'theirs']) });
    const merge = await pull('--merge');
    expect([merge.code, merge.stdout.split('\n').at(-2)]).toEqual([1, '1 merged, 1 conflict']);
    expect(await read('b')).toContain(
      '<<<<<<< this file\nmine\n||||||| version 1\nline 5\n=======\ntheirs\n>>>>>>> version 2\n',
    );
    const refused = await push('-m', 'x');
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringMatching(/fault .*b\.prompt\.md {2}line 10: both sides/),
    ]);
    expect(await history('a')).toEqual(['1 -', '2 -', '3 x']);
    expect(await read('a')).toMatch(/config:\n {2}n: 1\n---\nmine\n[^]*theirs$/);
    await write('b', (await read('b')).replace(/<{7}[^]*>{7}.*\n/, 'ours\n'));
    expect((await push('-m', 'y')).code).toBe(0);
    expect(await history('b')).toEqual(['1 -', '2 -', '3 y']);
  });

  it('let one of two that push at the same time save', async () => {
    await create('a', { template: 'a' });
    await pull();
    const file = await read('a');
    const clone = join(folder(), '.clone');
    await mkdir(join(clone, scope()), { recursive: true });
    await writeFile(join(clone, scope(), 'a.prompt.md'), withBody(file, 'theirs'));
    await write('a', withBody(file, 'mine'));
    const request = graphqlClient(parseConnection({ url: server().url, apiKey: server().adminKey }));
    const slug = `${scope()}/a`;
    const reports = await Promise.all(
      [folder(), clone].map(async (root) =>
        pushFile(
          { root, request, dryRun: false },
          await readLocalFile(root, `${slug}.prompt.md`, slug),
          'race',
        ),
      ),
    );
    expect(reports.map(({ what }) => what).toSorted()).toEqual(['conflict', 'saved']);
    expect(await history('a')).toEqual(['1 -', '2 race']);
  });

  it('see that the server has the same edit already', async () => {
    await create('a', { template: 'a' });
    await pull();
    const both = async (text: string) => {
      await write('a', withBody(await read('a'), text));
      await edit('a', { template: text });
    };
    await both('two');
    const pushed = await push('-m', 'x');
    expect([pushed.code, pushed.stdout]).toEqual([
      0,
      expect.stringMatching(/^known .*a\.prompt\.md .*version 2/),
    ]);
    await both('three');
    expect((await pull()).stdout).toMatch(/^updated .*a\.prompt\.md .*version 3/);
    expect((await push()).stdout).toBe('1 unchanged\n');
    expect(await history('a')).toEqual(['1 -', '2 -', '3 -']);
  });

  it('make prompts of new files, with their metadata, and report what no prompt can be made of', async () => {
    await create('taken', { template: 'theirs' });
    const front =
      '---\ndescription: What it is for\nowner: team\ntags: [a, b]\nvariables: [{ name: n, type: NUMBER }]\n---\n';
    await write('new', `${front}{{n}}`);
    await write('plain', 'no settings');
    await write('taken', 'mine');
    await write('wrong', '---\nkind: TEXTS\n---\n');
    const dry = await push('--dry-run');
    expect([dry.code, dry.stdout]).toEqual([
      1,
      expect.stringContaining('version 1 of a new prompt, needs --message'),
    ]);
    expect(await history('new')).toEqual([]);
    const { code, stdout } = await push('-m', 'first');
    expect([code, stdout.split('\n').at(-2)]).toEqual([1, '1 fault, 2 created, 1 conflict']);
    expect(stdout).toMatch(/^fault .*wrong\.prompt\.md {2}front matter: kind: /m);
    const about = await server().execute<unknown, unknown>(
      'query ($slug: String!) { prompt(slug: $slug) { description owner tags latest { message variables { type } } } }',
      { slug: `${scope()}/new` },
    );
    expect(about.data()).toEqual({
      prompt: {
        description: 'What it is for',
        owner: 'team',
        tags: ['a', 'b'],
        latest: { message: 'first', variables: [{ type: 'NUMBER' }] },
      },
    });
    expect(await read('new')).toContain('tags: [ a, b ]');
    expect(await read('plain')).toMatch(/^---\nkind: TEXT\nversion: 1\ncontentHash: .*\n---\nno settings$/);
  });

  it('do not take another server, or a prompt of another slug, for their own', async () => {
    await create('a', { template: 'a' });
    await pull();
    const file = withBody(await read('a'), 'edited');
    await write('a', file.replace(/sha256:[0-9a-f]{8}/, 'sha256:00000000'));
    await write('moved', file);
    const { code, stdout } = await push('-m', 'x');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/version 1 on this server is another one/)]);
    expect(stdout).toMatch(/fault .*moved.* made from a version of a prompt that the server does not have/);
    expect(await history('a')).toEqual(['1 -']);
  });

  it('take the subject of the last commit, and save nothing while there is none', async () => {
    const git = (...args: string[]) =>
      promisify(execFile)('git', [
        '-C',
        folder(),
        '-c',
        'user.name=a',
        '-c',
        'user.email=a@localhost',
        ...args,
      ]);
    for (const name of ['a', 'b']) await create(name, { template: name });
    await pull();
    await git('init', '-q');
    await write('a', withBody(await read('a'), 'a2'));
    await git('add', '.');
    await git('commit', '-qm', 'Say it shorter\n\nbecause');
    await write('b', withBody(await read('b'), 'b2'));
    const early = await push();
    expect([early.code, early.stderr]).toEqual([
      2,
      expect.stringContaining('b.prompt.md: the file has changes'),
    ]);
    expect(await history('a')).toEqual(['1 -']);
    await git('commit', '-qam', 'Second');
    expect((await push()).code).toBe(0);
    expect([await history('a'), await history('b')]).toEqual([
      ['1 -', '2 Say it shorter'],
      ['1 -', '2 Second'],
    ]);
  });

  it('say which files have no prompt any more, and remove those that were not edited on demand', async () => {
    const admin = await server().systemOf('default');
    for (const name of ['a', 'b', 'c']) await create(name, { template: name });
    await pull();
    await write('b', withBody(await read('b'), 'edited'));
    await write('mine', 'new');
    for (const name of ['a', 'b']) await server().app.archivePrompt(admin, { slug: `${scope()}/${name}` });
    const told = await pull();
    expect([told.code, told.stdout.split('\n').at(-2)]).toEqual([0, '2 gone, 1 unchanged, 1 local']);
    const pruned = await pull('--prune');
    expect(pruned.stdout).toMatch(/^removed .*a\.prompt\.md .*\ngone .*b\.prompt\.md .*it stays\n/);
    expect((await readdir(join(folder(), scope()))).toSorted()).toEqual([
      'b.prompt.md',
      'c.prompt.md',
      'mine.prompt.md',
    ]);
  });

  it('remove nothing with a key that sees a part only', async () => {
    const admin = await server().systemOf('default');
    await create('a', { template: 'a' });
    await pull();
    const limits = { role: 'VIEWER', prompts: ['elsewhere/*'], secret: randomBytes(32) } as const;
    const { key } = await server().app.createApiKey(admin, { name: scope(), ...limits });
    const told = await pull('--prune', '--api-key', key);
    expect([told.code, told.stderr]).toEqual([
      4,
      expect.stringContaining('--prune needs a key that may read'),
    ]);
  });

  it('pull what another channel serves', async () => {
    const admin = await server().systemOf('default');
    await create('a', { template: 'one' });
    await create('b', { template: 'b' });
    await server().app.promoteVersion(admin, { slug: `${scope()}/a`, channel: 'stable', version: 1 });
    await edit('a', { template: 'two' });
    expect((await pull('--channel', 'stable')).stdout).toMatch(/^new .*a\.prompt\.md {2}version 1\n1 new\n$/);
    const unknown = await pull('--channel', 'nowhere');
    expect([unknown.code, unknown.stderr]).toEqual([
      5,
      expect.stringContaining('there is no channel "nowhere"'),
    ]);
    const usage = await pull('--prompts', 'Support/*');
    expect(usage.code).toBe(2);
  });
});
