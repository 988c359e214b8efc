import { buffer } from 'node:stream/consumers';
import { Option } from 'commander';
import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { parseVersion } from './daily-options.ts';
import { createPrompt, readNewest, saveVersion } from './edit-save.ts';
import type { Newest, Saved } from './edit-save.ts';
import { editedText, editorText, isSameSource, parseSource } from './edit-text.ts';
import type { Kind } from './edit-text.ts';
import { createEditedFile, readText, runEditor } from './editor.ts';
import type { EditedFile } from './editor.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { serverOf, usage } from './graph.ts';
import type { Request } from './graphql-client.ts';
import { note, print, printJson } from './output.ts';

const HELP = `
The text is opened in $VISUAL, else $EDITOR. What is saved becomes a new version with the config and variables of the newest one;
nothing is saved when nothing was changed, or when the editor does not end with 0. When anything goes wrong, your file is kept.
CHAT messages stand one after the other, each under a line of its own such as "[1] SYSTEM" or "[2] USER (ann)"; the order counts, not the
numbers. A line of text that looks like one begins with a backslash. --file takes that form, and JSON as \`show --raw\` prints it.
Editors end a file with a newline: where the text has none, the last one of the file does not count.`;

interface EditOptions {
  readonly message?: string;
  readonly file?: string;
  readonly base?: number;
  readonly create?: boolean;
  readonly kind?: Kind;
  readonly editor?: string;
  readonly plainEditor?: string;
  readonly json?: boolean;
}

/** What is edited: a prompt that is there, or one that will be. */
interface Job {
  readonly request: Request;
  readonly slug: string;
  readonly newest: Newest | null;
  readonly kind: Kind;
  readonly options: EditOptions;
}

export function registerEdit(program: Command): void {
  program
    .command('edit')
    .description('edit the newest text of a prompt, and save it as a new version')
    .argument('<slug>', 'which prompt')
    .option('--message <text>', 'why, as `git commit -m` has it')
    .option('--file <file>', 'the new text: no editor is opened; - is standard input')
    .option(
      '--base <version>',
      'with --file: the version that the text started from, if that is not the newest',
      parseVersion,
    )
    .option('--create', 'make a new prompt')
    .addOption(
      new Option('--kind <kind>', 'with --create: what it holds, a text or messages (default: TEXT)').choices(
        ['TEXT', 'CHAT'],
      ),
    )
    .addOption(new Option('--editor <command>', 'the editor').env('VISUAL'))
    .addOption(new Option('--plain-editor <command>').env('EDITOR').hideHelp())
    .addHelpText('after', HELP)
    .action(async (slug: string, _options: unknown, command: Command) => edit(slug, command));
}

async function edit(slug: string, command: Command): Promise<void> {
  const options = command.optsWithGlobals<EditOptions>();
  const { create, kind, base, file } = options;
  if (create !== true && kind !== undefined) throw usage('--kind is for --create: a prompt keeps its kind');
  if (base !== undefined && (file === undefined || create === true))
    throw usage('--base is for --file, without --create');
  const request = serverOf(command);
  const newest = create === true ? null : await readNewest(request, slug);
  const job = { request, slug, newest, kind: newest?.kind ?? kind ?? 'TEXT', options };
  if (file === undefined) await editInEditor(job);
  else await save(job, await readFileOrInput(file));
}

async function readFileOrInput(path: string): Promise<string> {
  if (path === '-') return readText(await buffer(process.stdin), 'standard input');
  return readText(path);
}

async function editInEditor(job: Job): Promise<void> {
  const editor = editorOf(job.options);
  const empty =
    job.kind === 'TEXT' ? { template: '\n', messages: null } : { template: '[1] SYSTEM\n\n', messages: null };
  const held = job.newest?.latest ?? empty;
  const before = editorText(held);
  const file = await createEditedFile(job.slug, before);
  try {
    await runEditor(editor, file.path);
    const after = await file.read();
    if (after !== before && after.trim() === '')
      throw new CliError(EXIT_CODE.USAGE, 'the file was left empty: nothing was saved');
    if (after === before) reportUnchanged(job);
    else await save(job, editedText(held, after));
    await file.remove();
  } catch (error) {
    throw await keeping(job, file, before, error);
  }
}

/** @throws CliError when no editor is set and nobody sits at a terminal */
function editorOf({ editor, plainEditor }: EditOptions): string {
  const command = editor || plainEditor;
  if (command) return command;
  if (process.stdin.isTTY && process.stdout.isTTY) return process.platform === 'win32' ? 'notepad' : 'vi';
  throw usage('there is no editor: set VISUAL or EDITOR, or give the new text with --file');
}

/** Whatever went wrong, what somebody wrote is not lost. */
async function keeping(
  { slug, newest, kind }: Job,
  file: EditedFile,
  before: string,
  error: unknown,
): Promise<unknown> {
  const after = await file.read().catch(() => null);
  // The editor took it away: there is nothing to keep.
  if (after === null) return error;
  if (after === before) {
    await file.remove();
    return error;
  }
  // With the version that it started from: without, it would go over what others saved meanwhile.
  const started = newest === null ? `--create --kind ${kind}` : `--base ${newest.latest.number}`;
  const advice = `Your text is kept in ${file.path}: \`promptforge edit ${slug} --file ${file.path} ${started}\` saves it`;
  if (error instanceof CliError) return new CliError(error.exitCode, `${error.message}\n${advice}`);
  note(advice);
  return error;
}

async function save(job: Job, text: string): Promise<void> {
  const { request, slug, newest, kind, options } = job;
  const source = parseSource(kind, text);
  if ('fault' in source) throw new CliError(EXIT_CODE.USAGE, `the text of a CHAT prompt: ${source.fault}`);
  const { message, base = newest?.latest.number ?? 0 } = options;
  if (newest === null) reportSaved(job, await createPrompt(request, { slug, source, message }));
  else if (base === newest.latest.number && isSameSource(newest.latest, source)) reportUnchanged(job);
  else reportSaved(job, await saveVersion(request, { slug, base, newest, source, message }));
}

function reportUnchanged({ slug, newest, options }: Job): void {
  const number = newest?.latest.number ?? null;
  if (options.json === true) printJson({ slug, saved: false, version: number });
  else
    print(
      `nothing was changed, nothing was saved${number === null ? '' : `: ${slug} is at version ${number}`}\n`,
    );
}

function reportSaved({ slug, options }: Job, { number, contentHash, lint }: Saved): void {
  if (options.json === true) {
    printJson({
      slug,
      saved: true,
      version: number,
      contentHash,
      warnings: lint.map(({ message }) => message),
    });
    return;
  }
  print(
    `${slug}: version ${number} saved; \`promptforge promote ${slug} ${number}\` makes stable serve it\n`,
  );
  for (const { message } of lint) note(`warning: ${message}`);
}
