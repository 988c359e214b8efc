import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSnapshotFile } from '../../src/sdk/snapshot-file.ts';
import { temporaryDirectory } from '../support/process.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { blocksOf, printed, readText, ROOT } from './markdown.ts';

const BLOCKS = blocksOf(readText('docs/sdk.md'));
const PROGRAMS = BLOCKS.filter(({ language }) => language === 'js');

describe('docs/sdk.md', () => {
  let server: TestServer;
  let key: string;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = await startTestServer({ config: { demo: true } });
    ({ key } = await server.createKey('SERVICE'));
    const bundle = { channel: 'stable', prompts: null, cursor: null, savedAt: new Date(), served: [] };
    await writeFile(join(directory.path, 'prompts.bundle.json'), await writeSnapshotFile(bundle));
  });
  afterAll(async () => {
    await server.close();
    await directory.remove();
  });

  /** Runs it until it ends, or until it printed as many lines as are expected; `saw` is told each piece. */
  async function run(
    program: string,
    expected: string,
    saw: (text: string) => Promise<unknown>,
  ): Promise<string> {
    const text = program
      .replaceAll('http://127.0.0.1:4000', server.url)
      .replaceAll('/tmp/', `${directory.path}/`)
      .replaceAll('prompts.bundle.json', join(directory.path, 'prompts.bundle.json'));
    const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], KEY: key },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    for await (const piece of child.stdout) {
      output += String(piece);
      await saw(output);
      if (output.trimEnd().split('\n').length >= expected.trimEnd().split('\n').length) child.kill('SIGTERM');
    }
    return output.trimEnd();
  }

  it.each(PROGRAMS.map((program) => [program.line, program] as const))(
    'has a program in line %i that prints what stands below it',
    async (_line, program) => {
      const below = BLOCKS.slice(BLOCKS.indexOf(program) + 1).find(({ language }) => language === 'text');
      const expected = below?.text ?? '';
      let isPromoted = false;
      const output = await run(program.text, expected, async (text) => {
        if (isPromoted || !text.startsWith('version 2')) return;
        isPromoted = true;
        const admin = await server.systemOf('default');
        await server.app.promoteVersion(admin, { slug: 'support/assistant', channel: 'stable', version: 3 });
      });
      expect(output).toMatch(printed(expected));
    },
  );

  it('names every option, every code and every event', () => {
    const text = readText('docs/sdk.md');
    const names = (path: string, pattern: RegExp) =>
      [...readText(path).matchAll(pattern)].map(([, name = '']) => name);
    const options =
      readText('src/sdk/options.ts').split('export interface PromptForgeOptions')[1]?.split('\n}')[0] ?? '';
    const wanted = [
      ...[...options.matchAll(/^ {2}readonly (\w+)/gm)].map(([, name = '']) => name),
      ...names('src/sdk/errors.ts', /super\(\s*'([A-Z_]+)'/g),
      ...names('src/sdk/prompt-forge.ts', /PromptForgeError\('([A-Z_]+)'/g),
    ];
    expect(wanted.length).toBeGreaterThan(20);
    expect(wanted.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
