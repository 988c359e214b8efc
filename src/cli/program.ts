import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerAudit } from './audit.ts';
import { addConnectionOptions } from './connection.ts';
import { registerBundle } from './bundle.ts';
import { registerCodegen } from './codegen.ts';
import { registerDoor } from './door.ts';
import { exitCodeHelp } from './exit-codes.ts';
import { registerExport } from './export.ts';
import { registerImport } from './import.ts';
import { registerPull } from './pull.ts';
import { registerPush } from './push.ts';

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
  registerExport(program);
  registerPull(program);
  registerPush(program);
  registerBundle(program);
  registerCodegen(program);
  registerAudit(program);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
