import { Command } from 'commander';
import { registerAudit } from './audit.ts';
import { registerCompletion } from './completion.ts';
import { addConnectionOptions } from './connection.ts';
import { registerDoor } from './door.ts';
import { exitCodeHelp } from './exit-codes.ts';
import { registerImport } from './import.ts';
import { packageVersion } from './package-version.ts';

/** The whole command line: what `--help`, the shell completion and docs/cli.md are made from. */
export function createProgram(): Command {
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
  registerCompletion(program);
  return program;
}
