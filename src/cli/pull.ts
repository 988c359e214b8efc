import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { folderReport } from './folder-report.ts';
import type { FileReport } from './folder-report.ts';
import { servedVersions } from './folder-server.ts';
import type { MayReadQuery } from './generated/operations.ts';
import { graphqlClient } from './graphql-client.ts';
import type { Request } from './graphql-client.ts';
import { inOrder } from './in-order.ts';
import { localFiles } from './local-files.ts';
import { FileFault, openFolder, pathOf } from './prompt-folder.ts';
import { pullFile } from './pull-file.ts';
import { parsePatterns } from './slug-patterns.ts';
import type { SlugPatterns } from './slug-patterns.ts';

const WIDTH = 4;
const HELP = `
Writes one file for each prompt, support/assistant.prompt.md for "support/assistant": docs/prompt-files.md has the format.
A file that was not edited gets what the channel serves now. One that was edited stays; when the server has another version than it was
made from, both changes are shown and the command ends with 1. --merge writes both into the file.
"latest" is what push starts from: files of another channel conflict with it as soon as latest is further.
The description, the owner and the tags in a file are the server's and are brought up to date; push takes them for new prompts only.`;

interface PullOptions extends Record<string, unknown> {
  readonly channel: string;
  readonly prompts?: SlugPatterns;
  readonly merge?: boolean;
  readonly prune?: boolean;
  readonly json?: boolean;
}

const MAY_READ = /* GraphQL */ `
  query MayRead($prompt: String) {
    viewer {
      can(scope: "registry:read", prompt: $prompt)
    }
  }
`;

export function registerPull(program: Command): void {
  program
    .command('pull')
    .description('write the prompts into a folder of files, for git')
    .argument('<folder>', 'made if it is not there')
    .option('--channel <name>', 'whose versions', 'latest')
    .option('--prompts <patterns>', 'slugs and folders ("support/*"), separated by commas', parsePatterns)
    .option('--merge', 'write the changes of both sides into files that were edited on both')
    .option(
      '--prune',
      'remove files, if they were not edited, whose prompt the channel does not serve any more',
    )
    .addHelpText('after', HELP)
    .action(async (folder: string, _options: unknown, command: Command) => {
      process.exitCode = await pull(folder, command.optsWithGlobals());
    });
}

async function pull(folder: string, options: PullOptions): Promise<number> {
  const { channel, prompts: patterns = null, merge = false, prune = false, json = false } = options;
  const request = graphqlClient(parseConnection(options));
  const served = await servedVersions(request, channel, patterns);
  if (prune) await requireToReadAll(request, patterns);
  const root = await openFolder(folder, { create: true });
  const report = folderReport({ json, dryRun: false });
  const { files, faulty } = await localFiles(root, patterns, report);
  if (patterns !== null && served.size + files.size === 0)
    throw new CliError(
      EXIT_CODE.FAULTS,
      `neither the server nor the folder has anything of ${patterns.join(', ')}`,
    );
  const slugs = [...new Set([...served.keys(), ...files.keys()])].filter((slug) => !faulty.has(slug));
  const pulling = { root, request, merge, prune };
  const reports = inOrder(slugs.toSorted(), WIDTH, (slug) => {
    return orFault(pathOf(slug), () => pullFile(pulling, files.get(slug), served.get(slug)));
  });
  return report.all(reports);
}

/** To who sees a part only, what it does not see looks as if it were gone. @throws CliError */
async function requireToReadAll(request: Request, patterns: readonly string[] | null): Promise<void> {
  for (const prompt of patterns ?? [null]) {
    const { viewer } = (await request(MAY_READ, { prompt })) as MayReadQuery;
    if (viewer.can) continue;
    throw new CliError(
      EXIT_CODE.UNAUTHORISED,
      `--prune needs a key that may read ${prompt ?? 'every prompt'}: with this one, files of prompts that it does not see would be removed`,
    );
  }
}

/** What is wrong with one file leaves the others alone. */
export async function orFault(path: string, work: () => Promise<FileReport>): Promise<FileReport> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FileFault) return { what: 'fault', path, detail: error.message };
    throw error;
  }
}
