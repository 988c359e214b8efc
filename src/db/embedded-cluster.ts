import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { giveTo } from './embedded-account.ts';
import type { EmbeddedBinaries } from './embedded-binaries.ts';
import type { CommandResult } from './embedded-command.ts';
import { runCommand } from './embedded-command.ts';
import type { Placement } from './embedded-data-directory.ts';
import { clusterDirectory, hasCluster } from './embedded-data-directory.ts';
import { EmbeddedServerFailed } from './embedded-errors.ts';
import { removeAbandoned, removeTree, renameIntoPlace, temporaryName } from './embedded-files.ts';

export const superuser = 'promptforge';

/**
 * The classes of characters come from the C library in PostgreSQL 18, also under the builtin provider: with
 * LC_CTYPE=C a trigram index sees no letter outside ASCII. Not every system has the first name.
 */
const characterTypes = ['C.UTF-8', 'en_US.UTF-8', 'UTF-8', 'C'];

/** Only the socket in its 0700 directory, or this machine's own address with a password where there are none. */
const accessRules =
  process.platform === 'win32' ? 'host all all 127.0.0.1/32 scram-sha-256\n' : 'local all all trust\n';

export interface ClusterPlan extends Placement {
  readonly binaries: EmbeddedBinaries;
  readonly passwordFile: string | null;
  readonly log: (message: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Runs initdb once. It works in a sibling that is renamed when complete: a start cut short leaves no half
 * database.
 * @throws EmbeddedServerFailed
 */
export async function ensureCluster(plan: ClusterPlan): Promise<void> {
  const { dataDirectory } = plan;
  await removeAbandoned(dataDirectory, 'postgres.init-');
  if (await hasCluster(dataDirectory)) return;

  plan.log(`Creating the database in ${dataDirectory}.`);
  const temporary = temporaryName(clusterDirectory(dataDirectory), 'init');
  await mkdir(temporary, { mode: 0o700 });
  try {
    await giveTo(plan.account, temporary);
    await initialise(plan, temporary);
    await restrictAccess(temporary);
  } catch (error) {
    await removeTree(temporary);
    throw error;
  }
  await renameIntoPlace(temporary, clusterDirectory(dataDirectory), dataDirectory);
  if (await hasCluster(dataDirectory)) return;
  const reason = `holds a directory "postgres" that is no database; move it away`;
  throw new EmbeddedServerFailed({ dataDirectory, reason });
}

async function initialise(plan: ClusterPlan, directory: string): Promise<void> {
  let result: CommandResult = { code: null, output: '' };
  for (const characterType of characterTypes) {
    plan.signal.throwIfAborted();
    result = await runCommand(
      plan.account,
      plan.binaries.initdb,
      initdbArguments(plan, directory, characterType),
      plan.signal,
    );
    // Broken off, it has failed for no reason of its own.
    plan.signal.throwIfAborted();
    if (result.code === 0) return;
    if (!result.output.includes('invalid locale name')) break;
    plan.log(`This system has no locale ${characterType}; trying another.`);
  }
  const unknownAccount = result.output.includes('could not look up effective user ID');
  throw new EmbeddedServerFailed({
    dataDirectory: plan.dataDirectory,
    reason: unknownAccount
      ? 'cannot be created: run PromptForge as root or as an account that stands in /etc/passwd'
      : `cannot be created: initdb failed with code ${result.code}`,
    detail: result.output,
  });
}

function initdbArguments(plan: ClusterPlan, directory: string, characterType: string): readonly string[] {
  const { passwordFile } = plan;
  const authentication = passwordFile
    ? ['--auth=scram-sha-256', `--pwfile=${passwordFile}`]
    : ['--auth=trust'];
  return [
    `--pgdata=${directory}`,
    `--username=${superuser}`,
    ...authentication,
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    `--lc-ctype=${characterType}`,
    '--data-checksums',
    '--no-instructions',
  ];
}

async function restrictAccess(directory: string): Promise<void> {
  const file = await open(join(directory, 'pg_hba.conf'), 'r+');
  try {
    await file.truncate();
    await file.write(accessRules);
    await file.sync();
  } finally {
    await file.close();
  }
}
