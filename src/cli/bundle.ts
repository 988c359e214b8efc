import type { Command } from 'commander';
import { servedOfChannel } from './channel-served.ts';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { isCovered, parsePatterns } from './slug-patterns.ts';
import type { SlugPatterns } from './slug-patterns.ts';
import { readIfThere, writeWholeFile } from './written-file.ts';
import { writeSnapshotFile } from '../sdk/snapshot-file.ts';
import { counted } from './output.ts';

const HELP = `
The file is what a client starts from when it reaches no server and has nothing on its disk: for images, and hosts without a network.
  createPromptForge({ channel: 'stable', prompts: ['support/*'], bootstrap: bundleFile('prompts.bundle.json'), ... })
Channel and prompts must be those that the client follows, or it does not use the file. Everything in it is of one moment, sorted by slug;
while the channel does not move, two files differ in "savedAt" alone, and in "cursor" when something else in the workspace happened.`;

interface BundleOptions extends Record<string, unknown> {
  readonly channel: string;
  readonly prompts?: SlugPatterns;
  readonly out: string;
  readonly json?: boolean;
}

export function registerBundle(program: Command): void {
  program
    .command('bundle')
    .description('write what a channel serves into a file that clients start from without a server')
    .requiredOption('--out <file>', 'such as prompts.bundle.json; a bundle that is there is replaced')
    .option('--channel <name>', 'which channel', 'stable')
    .option('--prompts <patterns>', 'slugs and folders ("support/*"), separated by commas', parsePatterns)
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await bundle(command.optsWithGlobals());
    });
}

async function bundle(options: BundleOptions): Promise<number> {
  const { channel, prompts = null, out, json = false } = options;
  const { cursor, served } = await servedOfChannel(parseConnection(options), channel, prompts);
  const empty = (prompts ?? []).filter((pattern) => !served.some(({ slug }) => isCovered([pattern], slug)));
  // An image would be built with it, and its service start with nothing.
  if (served.length === 0) {
    const of = prompts === null ? '' : ` of ${prompts.join(', ')}`;
    throw new CliError(EXIT_CODE.FAULTS, `channel "${channel}" serves nothing${of}: no file is written`);
  }
  for (const pattern of empty) {
    process.stderr.write(`warning: channel "${channel}" serves nothing of ${pattern}\n`);
  }
  await requireBundleOrNothing(out);
  await writeWholeFile(
    out,
    await writeSnapshotFile({ channel, prompts, cursor, savedAt: new Date(), served }),
  );
  const facts = { file: out, channel, prompts: served.length, cursor };
  process.stdout.write(
    json
      ? `${JSON.stringify(facts)}\n`
      : `${counted(served.length, 'prompt')} of channel "${channel}" written to ${out}\n`,
  );
  return EXIT_CODE.DONE;
}

/** What somebody else wrote is not replaced. @throws CliError */
async function requireBundleOrNothing(path: string): Promise<void> {
  const before = await readIfThere(path);
  if (before === null || before === '' || before.startsWith('{"format":"promptforge-snapshot"')) return;
  throw new CliError(EXIT_CODE.USAGE, `${path} is no bundle: name another file, or take it away`);
}
