#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { registerAudit } from './audit.ts';
import { CliError } from './cli-error.ts';
import { addConnectionOptions } from './connection.ts';
import { registerDoor } from './door.ts';
import { EXIT_CODE, exitCodeHelp } from './exit-codes.ts';
import { registerImport } from './import.ts';

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

function createProgram(): Command {
  const program = new Command('promptforge')
    .description('PromptForge: a registry that versions, promotes and serves AI prompts')
    .version(packageVersion())
    .showHelpAfterError('(--help says more)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('afterAll', exitCodeHelp())
    // Before the commands: they inherit it, and usage has an exit code of its own here.
    .exitOverride();
  addConnectionOptions(program);
  registerDoor(program);
  registerImport(program);
  registerAudit(program);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
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
