#!/usr/bin/env node
import { CommanderError } from 'commander';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { createProgram } from './program.ts';

// A reader that has seen enough (`| head`) closes the pipe: that is no fault of ours to report.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? EXIT_CODE.INTERNAL);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

/** Says what happened, unless commander did, and with which code to end. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.DONE : EXIT_CODE.USAGE;
  if (error instanceof CliError) {
    process.stderr.write(`error: ${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`internal error, please report it: ${text}\n`);
  return EXIT_CODE.INTERNAL;
}
