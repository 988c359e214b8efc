import { CommanderError } from 'commander';
import { vi } from 'vitest';
import { CliError } from '../../src/cli/cli-error.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { CliRun } from './run-cli.ts';

/** The command without a process of its own, which costs half a second: for all but exit codes of the shell and real pipes. One at a time. */
export async function runInProcess(
  server: { readonly url: string; readonly adminKey: string },
  ...args: readonly string[]
): Promise<CliRun> {
  const output = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      output[name] += String(text);
      return true;
    }),
  );
  const before = process.exitCode;
  try {
    const program = createProgram();
    await program.parseAsync([...args, '--url', server.url, '--api-key', server.adminKey], { from: 'user' });
    return { code: Number(process.exitCode ?? 0), ...output };
  } catch (error) {
    if (error instanceof CommanderError) return { code: error.exitCode === 0 ? 0 : 2, ...output };
    if (!(error instanceof CliError)) throw error;
    return { ...output, code: error.exitCode, stderr: `${output.stderr}error: ${error.message}\n` };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
