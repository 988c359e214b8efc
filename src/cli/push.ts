import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { folderReport } from './folder-report.ts';
import type { FileReport } from './folder-report.ts';
import { gitSubject } from './git-subject.ts';
import type { Subject } from './git-subject.ts';
import { graphqlClient } from './graphql-client.ts';
import { inOrder } from './in-order.ts';
import { localFiles } from './local-files.ts';
import { openFolder } from './prompt-folder.ts';
import type { LocalFile } from './prompt-folder.ts';
import { orFault } from './pull.ts';
import { isEdited, pushFile } from './push-file.ts';
import type { Pushing } from './push-file.ts';
import { parsePatterns } from './slug-patterns.ts';
import type { SlugPatterns } from './slug-patterns.ts';

const WIDTH = 4;
const HELP = `
A file whose content is not what its "contentHash" says becomes a new version of its prompt; a file without one becomes a new prompt.
"latest" follows every save; production does not, until somebody promotes. A second push does nothing.
Without --message each version gets the subject of the last commit that touched its file, so commit first.
When the server has another version than the file was made from, both changes are shown, nothing of that file is saved, the other files go
on, and the command ends with 1. The description, the owner and the tags are taken for new prompts only; config and variables are content.`;

interface PushOptions extends Record<string, unknown> {
  readonly message?: string;
  readonly dryRun?: boolean;
  readonly prompts?: SlugPatterns;
  readonly json?: boolean;
}

export function registerPush(program: Command): void {
  program
    .command('push')
    .description('save what was edited in a folder of files as new versions')
    .argument('<folder>', 'as pull wrote it')
    .option(
      '-m, --message <text>',
      'why, for all of them; without: the subject of the last commit of each file',
    )
    .option('--dry-run', 'show what would be saved; nothing is changed')
    .option('--prompts <patterns>', 'slugs and folders ("support/*"), separated by commas', parsePatterns)
    .addHelpText('after', HELP)
    .action(async (folder: string, _options: unknown, command: Command) => {
      process.exitCode = await push(folder, command.optsWithGlobals());
    });
}

async function push(folder: string, options: PushOptions): Promise<number> {
  const { message, dryRun = false, prompts: patterns = null, json = false } = options;
  const request = graphqlClient(parseConnection(options));
  const root = await openFolder(folder, { create: false });
  const report = folderReport({ json, dryRun });
  const { files, faulty } = await localFiles(root, patterns, report);
  if (patterns !== null && files.size + faulty.size === 0)
    throw new CliError(EXIT_CODE.FAULTS, `the folder has nothing of ${patterns.join(', ')}`);
  const edited: LocalFile[] = [];
  for (const file of files.values()) {
    if (isEdited(file)) edited.push(file);
    else report.add({ what: 'unchanged', path: file.path, detail: '' });
  }
  const subjects = await subjectsOf(root, edited, message);
  if (!dryRun) requireSubjects(subjects);
  const reports = inOrder(subjects, WIDTH, ({ file, subject }) => {
    return orFault(file.path, () => one({ root, request, dryRun }, file, subject));
  });
  return report.all(reports);
}

async function one(pushing: Pushing, file: LocalFile, subject: Subject): Promise<FileReport> {
  const entry = await pushFile(pushing, file, subject.text);
  if (!pushing.dryRun || (entry.what !== 'created' && entry.what !== 'saved')) return entry;
  const why = subject.text === null ? `needs --message: ${subject.missing}` : JSON.stringify(subject.text);
  return { ...entry, detail: `${entry.detail}, ${why}` };
}

interface Reasoned {
  readonly file: LocalFile;
  readonly subject: Subject;
}

async function subjectsOf(
  root: string,
  files: readonly LocalFile[],
  message: string | undefined,
): Promise<Reasoned[]> {
  const all: Reasoned[] = [];
  const found = inOrder(files, WIDTH, async (file): Promise<Reasoned> => {
    if (message !== undefined) return { file, subject: { text: message, missing: null } };
    return { file, subject: await gitSubject(root, file.path) };
  });
  for await (const reasoned of found) all.push(reasoned);
  return all;
}

/** Before anything is saved: a history without reasons cannot be given them later. */
function requireSubjects(all: readonly Reasoned[]): void {
  const without = all.filter(({ subject }) => subject.text === null);
  const [first] = without;
  if (first === undefined) return;
  const more = without.length > 1 ? `, and ${without.length - 1} more files` : '';
  throw new CliError(
    EXIT_CODE.USAGE,
    `say why with --message, or commit the files first (${first.file.path}: ${first.subject.missing}${more}): nothing is saved`,
  );
}
