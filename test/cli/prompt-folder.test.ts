import { execFile } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileReport } from '../../src/cli/folder-report.ts';
import { localFiles } from '../../src/cli/local-files.ts';
import { openFolder, readLocalFile, slugFault, writePromptFile } from '../../src/cli/prompt-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptforge-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function scan() {
  const faults: FileReport[] = [];
  const { files, faulty } = await localFiles(folder, null, { add: (entry) => void faults.push(entry) });
  return {
    slugs: [...files.keys()],
    faulty: [...faulty],
    faults: faults.map(({ path, detail }) => `${path} ${detail}`),
  };
}

const write = (path: string, bytes: string | Buffer = 'text') => writeFile(join(folder, path), bytes);

const pipe = (path: string) => promisify(execFile)('mkfifo', [join(folder, path)]);

describe('a folder of prompt files', () => {
  it('holds the files that are named like prompts, and nothing that is hidden', async () => {
    for (const below of ['a', '.git', 'node_modules', 'x.y']) await mkdir(join(folder, below));
    for (const path of [
      'a/b.prompt.md',
      '.git/c.prompt.md',
      'node_modules/d.prompt.md',
      '.e.prompt.md',
      'README.md',
    ]) {
      await write(path);
    }
    await write('x.y/v1.2.prompt.md');
    expect(await scan()).toEqual({ slugs: ['a/b', 'x.y/v1.2'], faulty: [], faults: [] });
  });

  it('says of each file why it cannot be read, and reads the others', async () => {
    await write('good.prompt.md');
    await write('Upper.prompt.md');
    await write('case.PROMPT.md');
    await write('latin.prompt.md', Buffer.from('ü', 'latin1'));
    await write('bom.prompt.md', '\uFEFFtext');
    await write('nul.prompt.md', 'a\u0000');
    await write('large.prompt.md', 'x'.repeat(4 * 1024 * 1024 + 1));
    await write('notes.md');
    await symlink(join(folder, 'notes.md'), join(folder, 'link.prompt.md'));
    await symlink('/', join(folder, 'root'));
    await pipe('pipe.prompt.md');
    expect(await scan()).toEqual({
      slugs: ['good'],
      faulty: ['bom', 'large', 'latin', 'link', 'nul', 'pipe'],
      faults: [
        expect.stringMatching(/^Upper\.prompt\.md is named like no prompt/),
        expect.stringMatching(/^bom\.prompt\.md begins with a byte order mark/),
        expect.stringMatching(/^case\.PROMPT\.md is named like no prompt/),
        expect.stringMatching(/^large\.prompt\.md has 4194305 bytes/),
        expect.stringMatching(/^latin\.prompt\.md is not UTF-8/),
        expect.stringMatching(/^link\.prompt\.md is a symbolic link/),
        expect.stringMatching(/^nul\.prompt\.md "template" holds a NUL/),
        expect.stringMatching(/^pipe\.prompt\.md is no regular file/),
        expect.stringMatching(/^root is a symbolic link/),
      ],
    });
  });

  it('neither waits for a pipe that is named like a file of its own, nor replaces it', async () => {
    await pipe('a.prompt.md');
    const over = writePromptFile(folder, 'a.prompt.md', { text: 'mine', digest: null });
    await expect(over).rejects.toThrow('is no regular file');
    expect((await lstat(join(folder, 'a.prompt.md'))).isFIFO()).toBe(true);
  });

  it('writes over nothing that it has not read, and through no link', async () => {
    const { digest } = await write('a.prompt.md', 'one').then(() =>
      readLocalFile(folder, 'a.prompt.md', 'a'),
    );
    await write('a.prompt.md', 'two');
    const changed = writePromptFile(folder, 'a.prompt.md', { text: 'mine', digest });
    await expect(changed).rejects.toThrow('was changed meanwhile');
    const there = writePromptFile(folder, 'a.prompt.md', { text: 'mine', digest: null });
    await expect(there).rejects.toThrow('is there already');
    expect(await readFile(join(folder, 'a.prompt.md'), 'utf8')).toBe('two');
    const outside = await mkdtemp(join(tmpdir(), 'promptforge-outside-'));
    await symlink(outside, join(folder, 'out'));
    const through = writePromptFile(folder, 'out/deep/b.prompt.md', { text: 'b', digest: null });
    await expect(through).rejects.toThrow('needs a folder where out is a file or a link');
    expect([await readdir(outside), await readdir(folder)]).toEqual([[], ['a.prompt.md', 'out']]);
    await rm(outside, { recursive: true });
  });

  it('may be a link itself, and must be there for push', async () => {
    await symlink(folder, join(folder, '.me'));
    expect(await openFolder(join(folder, '.me'), { create: false })).toBe(
      await openFolder(folder, { create: false }),
    );
    await write('file');
    await expect(openFolder(join(folder, 'file'), { create: false })).rejects.toThrow('is no folder');
    await expect(openFolder(join(folder, 'none'), { create: false })).rejects.toThrow('ENOENT');
  });

  it.each([
    ['.git/hooks', true],
    ['a/.b', true],
    ['a.prompt.md/b', true],
    ['node_modules/a', true],
    ['a.b/c.prompt.md', false],
    ['a/node_modules', false],
  ])('cannot hold the prompt %s: %s', (slug, isFault) => {
    expect(slugFault(slug) !== null).toBe(isFault);
  });
});
