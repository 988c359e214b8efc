import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { historyLines, listPrompts } from './export-history.ts';
import type { ExportTally } from './export-history.ts';
import { graphqlClient } from './graphql-client.ts';
import { writeNewFile } from './new-file.ts';
import { startProgress } from './progress.ts';

const NOT_CARRIED =
  'Not in the file: what channels serve and how they moved, policies, promotion requests, keys and members, who wrote a version and what it was based on, ' +
  'tags, owners and descriptions, and which prompts are archived.';
const HELP = `
Writes every version that the key may read as one line, as \`promptforge import\` takes it: imported into an empty server it gives the same
prompts, version numbers, dates and content hashes. Every content is held against its hash on the way.
${NOT_CARRIED}
What is saved during the export may be missing. A version that was saved in the same millisecond as the one before it, or dated before it,
is written one millisecond after it: an import knows versions by slug and date, oldest first.
With --out the file is there when it is whole, and not before; a run that was broken off begins anew.`;

interface ExportOptions extends Record<string, unknown> {
  readonly out?: string;
  readonly json?: boolean;
}

export function registerExport(program: Command): void {
  program
    .command('export')
    .description('write the history of all prompts as a JSONL file that `import` takes')
    .option('--out <file.jsonl>', 'a new file to write to instead of standard output')
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await runExport(command.optsWithGlobals());
    });
}

async function runExport(options: ExportOptions): Promise<number> {
  const { out, json = false } = options;
  if (json && out === undefined) {
    throw new CliError(
      EXIT_CODE.USAGE,
      '--json reports on standard output, where the versions go: give the file with --out',
    );
  }
  const request = graphqlClient(parseConnection(options));
  const prompts = await listPrompts(request);
  const tally: ExportTally = { prompts: 0, versions: 0, archived: 0, moved: [], gone: [] };
  const progress = startProgress(prompts.reduce((sum, { newest }) => sum + newest, 0));
  const lines = counted(historyLines(request, prompts, tally), () => progress.advance(1));
  try {
    if (out === undefined) await pipeline(Readable.from(lines), process.stdout, { end: false });
    else
      await writeNewFile(out, async (file) => {
        for await (const line of lines) await file.appendFile(line);
      });
  } finally {
    progress.stop();
  }
  report(tally, out, json);
  return tally.gone.length === 0 ? EXIT_CODE.DONE : EXIT_CODE.FAULTS;
}

async function* counted(lines: AsyncIterable<string>, onLine: () => void): AsyncGenerator<string> {
  for await (const line of lines) {
    yield line;
    onLine();
  }
}

function report(tally: ExportTally, out: string | undefined, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ file: out, ...tally, notCarried: NOT_CARRIED })}\n`);
    return;
  }
  const { prompts, versions, archived, moved, gone } = tally;
  const lines = [`${versions} versions of ${prompts} prompts exported`];
  if (archived > 0) lines.push(`${archived} of the prompts are archived here; imported they are not`);
  if (moved.length > 0) {
    const shown = moved.slice(0, 5).map(({ slug, number }) => `${slug} ${number}`);
    lines.push(
      `${moved.length} versions are dated one millisecond after the one before them: ${shown.join(', ')}${moved.length > 5 ? ', ...' : ''}`,
    );
  }
  if (gone.length > 0) {
    lines.push(`left out, because they got another slug meanwhile (run it again): ${gone.join(', ')}`);
  }
  // Where the versions go to standard output, they are alone there.
  (out === undefined ? process.stderr : process.stdout).write(`${[...lines, NOT_CARRIED].join('\n')}\n`);
}
