import { createHash } from 'node:crypto';
import { chmod, lchown, mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { findAccount, giveTo, ownerOf } from './embedded-account.ts';
import type { Account } from './embedded-command.ts';
import { runCommand } from './embedded-command.ts';
import { EmbeddedServerFailed, WrongPostgresMajor } from './embedded-errors.ts';
import { findText, hasCode } from './embedded-files.ts';

export interface Placement {
  readonly dataDirectory: string;
  readonly account: Account | null;
}

const systemDirectory = '/var/lib/promptforge';
const probePrefix = '.probe-';

/** PGDATA; other files of ours have room beside it. */
export function clusterDirectory(dataDirectory: string): string {
  return join(dataDirectory, 'postgres');
}

/** Where data asked for at `requested` may lie: there, or where root keeps it when the account cannot reach that. */
export function candidateDirectories(requested: string): readonly [string, string] {
  const path = resolve(requested);
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return [path, join(systemDirectory, hash)];
}

/**
 * Decides where the data lies and who owns it. Data that exists is never passed by for an empty directory.
 * @throws EmbeddedServerFailed
 */
export async function placeDataDirectory(
  requested: string,
  log: (message: string) => void,
): Promise<Placement> {
  const account = await findAccount();
  const [asked, fallback] = candidateDirectories(requested);
  if (!account) return placeAsOurselves(asked);

  if (await hasCluster(asked)) return { dataDirectory: asked, account: await adopt(asked, account) };
  if (await hasCluster(fallback)) {
    log(`The data of ${asked} is kept in ${fallback}.`);
    return { dataDirectory: fallback, account: await adopt(fallback, account) };
  }
  if (await handOver(asked, account)) return { dataDirectory: asked, account };

  log(`The account "${account.name}" cannot be given ${asked}; the data is kept in ${fallback}.`);
  await mkdir(systemDirectory, { recursive: true });
  await chmod(systemDirectory, 0o711);
  if (await handOver(fallback, account)) return { dataDirectory: fallback, account };
  throw unreachable(asked, account);
}

/** @throws WrongPostgresMajor when the data directory was written by another major version. */
export async function requireMajor(dataDirectory: string, expected: string): Promise<void> {
  const found = (await findVersion(dataDirectory))?.trim();
  if (found === undefined || found === expected) return;
  throw new WrongPostgresMajor({ dataDirectory, found, expected });
}

export async function hasCluster(dataDirectory: string): Promise<boolean> {
  return (await findVersion(dataDirectory)) !== null;
}

async function findVersion(dataDirectory: string): Promise<string | null> {
  try {
    return await findText(join(clusterDirectory(dataDirectory), 'PG_VERSION'));
  } catch (error) {
    if (hasCode(error, 'EACCES')) throw foreign(dataDirectory);
    throw error;
  }
}

async function placeAsOurselves(dataDirectory: string): Promise<Placement> {
  try {
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new EmbeddedServerFailed({ dataDirectory, reason: `cannot be created: ${String(error)}` });
  }
  return { dataDirectory, account: null };
}

/** Who ran it before runs it again, also when another account has appeared since. Root's own (a restored copy) changes hands. */
async function adopt(dataDirectory: string, account: Account): Promise<Account> {
  const owner = await ownerOf(clusterDirectory(dataDirectory));
  if (owner.uid === 0) await giveTree(clusterDirectory(dataDirectory), account);
  const chosen = owner.uid === 0 || owner.uid === account.uid ? account : owner;
  if (!(await canEnter(clusterDirectory(dataDirectory), chosen))) throw unreachable(dataDirectory, chosen);
  return chosen;
}

/** The root comes last: it tells that all below is given. */
async function giveTree(root: string, account: Account): Promise<void> {
  try {
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      await lchown(join(entry.parentPath, entry.name), account.uid, account.gid);
    }
  } catch (error) {
    // A file that vanishes is a PostgreSQL's at work: a start at the same moment has given everything.
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  await lchown(root, account.uid, account.gid);
}

async function handOver(directory: string, account: Account): Promise<boolean> {
  try {
    await mkdir(dirname(directory), { recursive: true });
    const made = await makeDirectory(directory);
    if (await takesHold(directory, account)) return true;
    if (made) await rmdir(directory).catch(unlessNotEmpty);
    return false;
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EINVAL', 'ENOTSUP', 'ENOENT')) return false;
    throw error;
  }
}

async function makeDirectory(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function takesHold(directory: string, account: Account): Promise<boolean> {
  if (await canHold(directory, account)) return true;
  const { uid, gid } = await ownerOf(directory);
  // Only an empty directory changes hands: what else lies in a full one is not ours to give away. A start at the same
  // moment probes as we do, and may by now have given and filled it: so it is asked once more.
  const names = (await readdir(directory)).filter((name) => !name.startsWith(probePrefix));
  if (names.length > 0 || uid === account.uid) return canHold(directory, account);
  await giveTo(account, directory);
  if (await canHold(directory, account)) return true;
  await lchown(directory, uid, gid);
  return false;
}

async function canHold(directory: string, account: Account): Promise<boolean> {
  const probe = await mkdtemp(join(directory, probePrefix));
  try {
    await giveTo(account, probe);
    return await canEnter(probe, account);
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/** Asked of the account itself: modes alone do not tell about access lists and mounts. */
async function canEnter(directory: string, account: Account): Promise<boolean> {
  const script = `cd -- "$1" && : > ${probePrefix}$$ && rm -f ${probePrefix}$$`;
  return (await runCommand(account, '/bin/sh', ['-c', script, 'sh', directory])).code === 0;
}

/** The probe of another start may lie there. */
function unlessNotEmpty(error: unknown): void {
  if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
}

function unreachable(dataDirectory: string, account: Account): EmbeddedServerFailed {
  const reason = `cannot be reached by the account "${account.name}" (${account.uid}), as which root must run it`;
  return new EmbeddedServerFailed({ dataDirectory, reason });
}

function foreign(dataDirectory: string): EmbeddedServerFailed {
  const reason = 'belongs to another account: start PromptForge as root, or as the account that owns it';
  return new EmbeddedServerFailed({ dataDirectory, reason });
}
