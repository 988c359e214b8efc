import type { Command } from 'commander';
import { registerAudit } from './audit.ts';
import { registerCompletion } from './completion.ts';
import { addConnectionOptions } from './connection.ts';
import { registerBundle } from './bundle.ts';
import { registerCodegen } from './codegen.ts';
import { registerDiff } from './diff.ts';
import { registerDoor } from './door.ts';
import { registerEdit } from './edit.ts';
import { exitCodeHelp } from './exit-codes.ts';
import { registerExport } from './export.ts';
import { registerHistory } from './history.ts';
import { registerImport } from './import.ts';
import { registerList } from './list.ts';
import { packageVersion } from './package-version.ts';
import { registerPromote } from './promote.ts';
import { registerPull } from './pull.ts';
import { registerPush } from './push.ts';
import { registerRender } from './render.ts';
import { registerRollback } from './rollback.ts';
import { RootCommand } from './root-command.ts';
import { registerShow } from './show.ts';
import { registerWatch } from './watch.ts';

/** The whole command line: what `--help`, the shell completion and docs/cli.md are made from. */
export function createProgram(): Command {
  const program = new RootCommand('promptforge')
    .description('PromptForge: a registry that versions, promotes and serves AI prompts')
    .version(packageVersion())
    .showHelpAfterError('(--help says more)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('afterAll', exitCodeHelp())
    // Before the commands: they inherit it, and usage has an exit code of its own here.
    .exitOverride();
  addConnectionOptions(program);
  registerList(program);
  registerShow(program);
  registerHistory(program);
  registerDiff(program);
  registerEdit(program);
  registerRender(program);
  registerPromote(program);
  registerRollback(program);
  registerWatch(program);
  registerDoor(program);
  registerImport(program);
  registerExport(program);
  registerPull(program);
  registerPush(program);
  registerBundle(program);
  registerCodegen(program);
  registerAudit(program);
  registerCompletion(program);
  return program;
}
