import { randomBytes } from 'node:crypto';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';

/**
 * Writes a file that is there wholly or not at all, for its owner only: under another name, then, when it is on disk, under its own. What
 * has the name already stays as it is.
 * @param write gets the file; the bytes are those that it wrote when it is done
 * @throws CliError of usage when the name is taken or nothing can be written there
 */
export async function writeNewFile<T>(path: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  await requireFree(path);
  const temporary = `${path}.partial-${process.pid}-${randomBytes(4).toString('hex')}`;
  const file = await open(temporary, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT_CODE.USAGE, `${path} cannot be written: ${error.message}`);
  });
  try {
    const result = await write(file);
    await file.sync();
    await file.close();
    await giveName(temporary, path);
    await syncDirectory(dirname(path));
    return result;
  } finally {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
  }
}

async function requireFree(path: string): Promise<void> {
  const taken = await lstat(path).then(
    () => true,
    () => false,
  );
  if (taken) throw new CliError(EXIT_CODE.USAGE, `${path} is there already: name a new file`);
}

/** A link, unlike a rename, refuses a name that was taken meanwhile; not every file system has links. */
async function giveName(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    await requireFree(path);
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EIO') throw error;
    await rename(temporary, path);
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
