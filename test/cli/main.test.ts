import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT_CODE } from '../../src/cli/exit-codes.ts';
import { runCli } from './run-cli.ts';

const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('promptforge', () => {
  it('says its version', async () => {
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${PACKAGE.version}\n`, stderr: '' });
  });

  it('shows its commands and every exit code in its help', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}import .*^ {2}audit /ms);
    for (const exitCode of Object.values(EXIT_CODE))
      expect(stdout).toMatch(new RegExp(`^  ${exitCode} +\\w`, 'm'));
  });

  it('warns of a key on the command line in the help of a command', async () => {
    const { code, stdout } = await runCli(['import', '--help']);
    expect([code, stdout.replaceAll(/\s+/g, ' ')]).toEqual([
      0,
      expect.stringContaining('visible to other users'),
    ]);
    expect(stdout).toContain('Exit codes:');
  });

  it.each([
    [[]],
    [['nope']],
    [['import']],
    [['import', 'a', 'b']],
    [['audit']],
    [['audit', 'verify', '--nope']],
  ])('ends with 2 for the arguments %j', async (args: string[]) => {
    const { code, stdout, stderr } = await runCli(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
  });
});
