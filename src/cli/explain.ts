import { CommanderError } from 'commander';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';

/** Says what ended the command, unless commander did, and with which code to end. */
export function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.DONE : EXIT_CODE.USAGE;
  if (error instanceof CliError) {
    process.stderr.write(`error: ${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`internal error, please report it: ${text}\n`);
  return EXIT_CODE.INTERNAL;
}
