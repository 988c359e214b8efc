import type { ExitCode } from './exit-codes.ts';

/** What ends the command: its message says what happened and what to do, without a stack. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
