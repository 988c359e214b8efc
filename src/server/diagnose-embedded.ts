import { stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { findAccount, ownerOf } from '../db/embedded-account.ts';
import { findEmbeddedBinaries } from '../db/embedded-binaries.ts';
import { candidateDirectories, hasCluster, requireMajor } from '../db/embedded-data-directory.ts';
import { textOf } from './diagnose-database.ts';
import type { Finding } from './finding.ts';

const SPACE_WARNING = 1_024 ** 3;
const SPACE_FAULT = 100 * 1_024 ** 2;

/** Looks at what the embedded PostgreSQL needs. `exists`: there is a database already. */
export async function diagnoseEmbedded(
  requested: string,
): Promise<{ readonly findings: readonly Finding[]; readonly exists: boolean }> {
  const findings: Finding[] = [];
  const dataDirectory = await findDirectory(requested);
  const exists = dataDirectory !== null;
  const at = dataDirectory ?? resolve(requested);
  findings.push(await lookAtBinaries(at, exists), await lookAtSpace(at));
  if (!exists)
    findings.push({
      check: 'data directory',
      state: 'WARNING',
      says: `there is no database in ${at}`,
      advice:
        'the first start of the server creates it; is PROMPTFORGE_DATA_DIR the directory that you mean?',
    });
  else findings.push(await lookAtOwner(at));
  return { findings, exists };
}

async function findDirectory(requested: string): Promise<string | null> {
  for (const candidate of candidateDirectories(requested)) {
    // Of another account: it is there.
    if (await hasCluster(candidate).catch(() => true)) return candidate;
  }
  return null;
}

async function lookAtBinaries(dataDirectory: string, exists: boolean): Promise<Finding> {
  const check = 'binaries of PostgreSQL';
  try {
    const { major } = await findEmbeddedBinaries({ account: await findAccount(), dataDirectory });
    if (exists) await requireMajor(dataDirectory, major);
    return { check, state: 'OK', says: `PostgreSQL ${major} runs on this machine` };
  } catch (error) {
    return { check, state: 'FAULT', says: textOf(error) };
  }
}

async function lookAtOwner(dataDirectory: string): Promise<Finding> {
  const check = 'data directory';
  const account = await findAccount();
  const owner = await ownerOf(dataDirectory);
  const mine = process.getuid?.();
  if (mine === undefined || mine === 0 || mine === owner.uid)
    return {
      check,
      state: 'OK',
      says: `${dataDirectory}${account === null ? '' : `, as the account ${account.name}`}`,
    };
  return {
    check,
    state: 'FAULT',
    says: `${dataDirectory} belongs to ${owner.name}, and this is uid ${mine}`,
    advice: 'run PromptForge as the account that owns it, or as root',
  };
}

async function lookAtSpace(dataDirectory: string): Promise<Finding> {
  const check = 'space on the disk';
  const { bavail, bsize } = await statfs(await nearest(dataDirectory));
  const free = bavail * bsize;
  const says = `${Math.round(free / 1_024 ** 2).toLocaleString('en-US')} MiB free for ${dataDirectory}`;
  if (free >= SPACE_WARNING) return { check, state: 'OK', says };
  const advice = 'make room: a database that is full refuses every change';
  return { check, state: free < SPACE_FAULT ? 'FAULT' : 'WARNING', says, advice };
}

/** The directory, or the one above it that is there. */
async function nearest(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere || dirname(path) === path ? path : nearest(dirname(path));
}
