import { Command } from 'commander';
import type { ParseOptionsResult } from 'commander';

/** Looks like an option that nobody declares, so that the root leaves it to the command. */
const PUT_ASIDE = '--version-of-the-command';

/**
 * The root of the command line. commander takes an option of the root wherever it stands: `show x --version 2` would print the
 * version of PromptForge. Here `--version` belongs to the root only before the name of a command.
 */
export class RootCommand extends Command {
  override parseOptions(argv: string[]): ParseOptionsResult {
    const first = argv.findIndex((arg) => this.commands.some((command) => command.name() === arg));
    if (first === -1) return super.parseOptions(argv);
    const { operands, unknown } = super.parseOptions(
      argv.map((arg, index) => (index > first && arg === '--version' ? PUT_ASIDE : arg)),
    );
    const back = (arg: string): string => (arg === PUT_ASIDE ? '--version' : arg);
    return { operands: operands.map(back), unknown: unknown.map(back) };
  }
}
