import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { commandTree, withCommandsBelow } from '../../src/cli/command-tree.ts';
import { completionScript } from '../../src/cli/completion.ts';
import { createProgram } from '../../src/cli/program.ts';

const FISH: string = 'fish';
const directory = mkdtempSync(join(tmpdir(), 'pf-completion-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** What bash would offer for lines that end where the cursor is, one list a line; one bash for all of them. */
function bash(program: Command, lines: readonly (readonly string[])[]): string[][] {
  const tries = lines.map((words) => `try ${['promptforge', ...words].map((word) => `'${word}'`).join(' ')}`);
  const script = `${completionScript('bash', program)}
complete -p promptforge >&2
try() { COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); COMPREPLY=(); _promptforge; echo "\${COMPREPLY[*]}"; }
${tries.join('\n')}`;
  const output = execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8', stdio: 'pipe' });
  return output
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => line.split(' ').filter((word) => word !== ''));
}

function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['--version'], { stdio: 'ignore' }).status === 0;
}

describe('promptforge completion', () => {
  it('offers in bash every command below every command, and every option of each', () => {
    const program = createProgram();
    const tree = commandTree(program);
    const commands = withCommandsBelow(tree);
    expect(commands.length).toBeGreaterThan(10);
    const offered = bash(
      program,
      commands.flatMap(({ path }) => [
        [...path, ''],
        [...path, '-'],
      ]),
    );
    for (const [index, { path, commands: below, options }] of commands.entries()) {
      const words = below.map((child) => child.path.at(-1));
      // At the end of the tree arguments are offered instead.
      expect([path, words.length > 0 ? offered[index * 2] : []]).toEqual([path, words]);
      const names = [...options, ...tree.options].flatMap((option) => option.names);
      expect([path, offered[index * 2 + 1]?.toSorted()]).toEqual([path, [...new Set(names)].toSorted()]);
    }
  });

  it('completes values with their choices or with files, and is not led astray by values before', () => {
    const file = join(directory, 'prompts.jsonl');
    writeFileSync(file, '');
    const program = createProgram();
    program.command('paint').addOption(new Option('--colour <colour>', "it's").choices(['red', 'green']));
    expect(
      bash(program, [
        ['ke'],
        ['--url', 'keys', 'audit', 'v'],
        ['--url', '=', 'keys', 'audit', 'v'],
        ['--json', 'keys', 'create', '--rea'],
        ['completion', ''],
        ['completion', 'z'],
        ['paint', '--colour', 'g'],
        ['paint', '--colour', '=', 'g'],
        ['restore', join(directory, 'prom')],
        ['audit', 'export', '--out', join(directory, 'prom')],
        ['keys', 'create', '--name', join(directory, 'prom')],
        ['nope', 'audit', 've'],
      ]),
    ).toEqual([
      ['keys'],
      ['verify'],
      ['verify'],
      ['--reader'],
      ['bash', 'zsh', 'fish'],
      ['zsh'],
      ['green'],
      ['green'],
      [file],
      [file],
      [],
      ['verify'],
    ]);
  });

  it.each(['zsh', 'fish'] as const)('prints what %s reads without a complaint', (shell) => {
    const file = join(directory, `script.${shell}`);
    writeFileSync(file, completionScript(shell, createProgram()));
    // Where the shell is not installed there is no complaint either.
    expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' }).stderr ?? '').toBe('');
    expect(completionScript(shell, createProgram())).toContain('audit verify');
  });

  it.skipIf(!isInstalled(FISH))('offers in fish commands with what they do, options and choices', () => {
    const script = completionScript('fish', createProgram());
    const ask = (line: string) => {
      const output = execFileSync(FISH, ['-N', '-c', `${script}\ncomplete -C '${line}'`], {
        encoding: 'utf8',
      });
      return output.trim().split('\n');
    };
    expect(ask('promptforge au')).toEqual(['audit\tthe audit trail']);
    expect(ask('promptforge keys create --rea')).toEqual(['--reader\tmay read and fetch: --role VIEWER']);
    expect(ask('promptforge completion ').toSorted()).toEqual(['bash', 'fish', 'zsh']);
  });
});
