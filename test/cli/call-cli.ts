import { Readable } from 'node:stream';
import { expect, vi } from 'vitest';
import { explain } from '../../src/cli/explain.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { TestServer } from '../support/server.ts';
import type { CliRun } from './run-cli.ts';

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Whether somebody sits there to be asked. */
  readonly isAsked?: boolean;
  /** Whether standard output is a terminal. */
  readonly isTTY?: boolean;
}

/** Runs the command in this process: as runCli, without the half second that a process costs. One at a time. */
async function callCli(
  args: readonly string[],
  { env = {}, stdin, isAsked = false, isTTY = false }: Surroundings = {},
): Promise<CliRun> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      output[name] += String(text);
      return true;
    });
  }
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const input = Object.assign(Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)]), {
    isTTY: isAsked,
  });
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as never);
  const before = { isTTY: process.stdout.isTTY, exitCode: process.exitCode };
  Object.assign(process.stdout, { isTTY });
  process.exitCode = 0;
  try {
    await createProgram().parseAsync([...args], { from: 'user' });
    return { code: process.exitCode, ...output };
  } catch (error) {
    return { code: explain(error), ...output };
  } finally {
    Object.assign(process.stdout, { isTTY: before.isTTY });
    process.exitCode = before.exitCode;
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  }
}

/** The command with the admin key of a server, which is asked for when the command runs. */
export function cliOf(server: () => Pick<TestServer, 'url' | 'adminKey'>) {
  const cli = (args: readonly string[], { env, ...more }: Surroundings = {}): Promise<CliRun> => {
    const { url, adminKey } = server();
    return callCli(args, { ...more, env: { PROMPTFORGE_URL: url, PROMPTFORGE_API_KEY: adminKey, ...env } });
  };
  /** Runs it with --json: exactly one value on one line, and nothing else said. */
  const json = async (args: readonly string[], code = 0): Promise<unknown> => {
    const run = await cli([...args, '--json']);
    expect([run.code, run.stderr]).toEqual([code, '']);
    expect(run.stdout.indexOf('\n')).toBe(run.stdout.length - 1);
    return JSON.parse(run.stdout);
  };
  return { cli, json };
}
