import type { Command } from 'commander';
import { servedOfChannel } from './channel-served.ts';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { isPromptTypes, promptTypes, staleTypes } from './prompt-types.ts';
import { parsePatterns } from './slug-patterns.ts';
import type { SlugPatterns } from './slug-patterns.ts';
import { readIfThere, writeWholeFile } from './written-file.ts';
import { counted } from './output.ts';

const HELP = `
With the file in the project, \`prompts.render('support/assistant', { ... })\` compiles only for a prompt that the channel serves, with the
variables that it takes; \`render\` on a CHAT prompt, and \`messages\` on a TEXT prompt, do not.
--check is for CI: it ends with 1, and says what is stale, when a promotion made the types untrue. Descriptions make nothing stale.`;

interface CodegenOptions extends Record<string, unknown> {
  readonly channel: string;
  readonly prompts?: SlugPatterns;
  readonly out: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

export function registerCodegen(program: Command): void {
  program
    .command('codegen')
    .description("write each prompt's variables as TypeScript types")
    .requiredOption('--out <file.d.ts>', 'such as src/prompts.d.ts')
    .option('--channel <name>', 'which channel', 'stable')
    .option('--prompts <patterns>', 'slugs and folders ("support/*"), separated by commas', parsePatterns)
    .option('--check', 'write nothing: end with 1 when the file is stale')
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await codegen(command.optsWithGlobals());
    });
}

async function codegen(options: CodegenOptions): Promise<number> {
  const { channel, prompts = null, out, check = false, json = false } = options;
  const before = await readIfThere(out);
  if (before !== null && !isPromptTypes(before)) {
    throw new CliError(EXIT_CODE.USAGE, `${out} is there and was not written by codegen: name another file`);
  }
  const { served } = await servedOfChannel(parseConnection(options), channel, prompts);
  if (served.length === 0 && !check) {
    const of = prompts === null ? '' : ` of ${prompts.join(', ')}`;
    throw new CliError(
      EXIT_CODE.FAULTS,
      `channel "${channel}" serves nothing${of}: no file is written, because with no prompt in it every slug would compile`,
    );
  }
  const after = promptTypes(channel, served);
  const stale = before === null ? [`${out} is not there`] : staleTypes(before, after);
  if (!check && before !== after) await writeWholeFile(out, after);
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ file: out, channel, prompts: served.length, written: !check && before !== after, stale })}\n`,
    );
  } else process.stdout.write(told({ out, check, stale, prompts: served.length, isNew: before === null }));
  return check && stale.length > 0 ? EXIT_CODE.FAULTS : EXIT_CODE.DONE;
}

function told({
  out,
  check,
  stale,
  prompts,
  isNew,
}: {
  readonly out: string;
  readonly check: boolean;
  readonly stale: readonly string[];
  readonly prompts: number;
  readonly isNew: boolean;
}): string {
  const lines = isNew && !check ? [] : stale;
  const verdict = check
    ? stale.length === 0
      ? `${out} is true of ${counted(prompts, 'prompt')}`
      : `${out} is stale: run promptforge codegen again, and mend what then does not compile`
    : `types of ${counted(prompts, 'prompt')} written to ${out}`;
  return `${[...lines, verdict].join('\n')}\n`;
}
