import { randomBytes } from 'node:crypto';
import { open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** The text of a file, or null when there is none. */
export async function findText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** A name beside `path` for work in progress; it says which process works there. */
export function temporaryName(path: string, purpose: string): string {
  return `${path}.${purpose}-${process.pid}-${randomBytes(4).toString('hex')}`;
}

/** Also while a process whose parent was killed still writes there: it ends soon, of what it misses. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** Removes the unfinished work of processes that are no more; `prefix` as `temporaryName` made it. */
export async function removeAbandoned(directory: string, prefix: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix)) continue;
    if (isProcessAlive(Number.parseInt(name.slice(prefix.length), 10))) continue;
    // What resists is in nobody's way, and the next start tries again.
    await removeTree(join(directory, name)).catch(() => undefined);
  }
}

/**
 * Moves a finished directory to its place, durably. Answers false, and removes `from`, when somebody else's
 * stands there already: whoever comes second uses the first one's.
 */
export async function renameIntoPlace(from: string, to: string, parent: string): Promise<boolean> {
  try {
    await rename(from, to);
  } catch (error) {
    // Windows answers EPERM where POSIX says ENOTEMPTY.
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'EPERM')) throw error;
    await rm(from, { recursive: true, force: true });
    return false;
  }
  await syncDirectory(parent);
  return true;
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether the process exists; one that belongs to another account does. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}
