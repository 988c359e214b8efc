import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BundleSource, SnapshotCache } from './options.ts';

const OWNER_ONLY = 0o600;

/**
 * Keeps what was served last in a file, so that a process starts without a server. The directory is made where it is missing. Two processes may share a file: each
 * writes all of it, and the later one stays.
 */
export function diskCache(path: string): SnapshotCache {
  return { read: () => readAndTidy(path), write: (text) => writeWhole(path, text) };
}

/** Reads a file that `promptforge bundle` wrote. It is an error when it is not there. */
export function bundleFile(path: string): BundleSource {
  return { read: () => readFile(path, 'utf8') };
}

/** A process that died in the middle of a write leaves a file under a name that nobody comes back to. */
const ABANDONED_MS = 60_000;

async function readAndTidy(path: string): Promise<string | null> {
  const text = await readIfThere(path);
  // Whatever becomes of it: it is tidying, nothing else.
  await tidy(path).catch(() => undefined);
  return text;
}

async function tidy(path: string): Promise<void> {
  const directory = dirname(path);
  const names = (await readdir(directory)).filter((name) => name.startsWith(temporaryPrefix(path)));
  for (const name of names) {
    const { mtimeMs } = await stat(join(directory, name));
    if (Date.now() - mtimeMs > ABANDONED_MS) await unlink(join(directory, name));
  }
}

const temporaryPrefix = (path: string): string => `.${basename(path)}.tmp-`;

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Whoever reads it finds the old file or the new one, also after the power failed: a new name, on disk, then renamed, then the name on disk. */
async function writeWhole(path: string, text: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true });
  const temporary = join(directory, `${temporaryPrefix(path)}${randomBytes(8).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', OWNER_ONLY);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(directory);
}

/** Windows knows no such thing. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
