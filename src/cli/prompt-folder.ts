import { randomUUID } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { parsePromptFile } from './prompt-file.ts';
import type { PromptFile } from './prompt-file.ts';
import { isSlug, SLUG_RULE } from '../domain/prompt.ts';

const EXTENSION = '.prompt.md';
/** A version has at most 1 MiB; the settings above it may be longer in YAML than they are counted. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const SKIPPED = 'node_modules';

/** Why a file can be neither read nor written; the others go on. */
export class FileFault extends Error {}

/** A file as it is kept in mind: its text stays on the disk. */
export interface LocalFile extends Omit<PromptFile, 'content'> {
  readonly slug: string;
  /** Below the folder, with "/". */
  readonly path: string;
  /** Of the bytes. */
  readonly digest: string;
}

interface FoundFile {
  readonly path: string;
  /** null: it has no name that a prompt has. */
  readonly slug: string | null;
  readonly fault: string | null;
}

/** The folder itself may be a link; nothing in it is followed. @throws CliError */
export async function openFolder(
  directory: string,
  { create }: { readonly create: boolean },
): Promise<string> {
  try {
    if (create) await mkdir(directory, { recursive: true });
    const root = await realpath(directory);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    throw new CliError(EXIT_CODE.USAGE, `${directory} cannot be opened (${codeOf(error)})`);
  }
  throw new CliError(EXIT_CODE.USAGE, `${directory} is no folder`);
}

/** All prompt files below the folder, in the order of their paths. Hidden files and folders are none of ours. */
export async function findFiles(root: string, below = ''): Promise<FoundFile[]> {
  const entries = await readdir(join(root, below), { withFileTypes: true });
  const found: FoundFile[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === SKIPPED) continue;
    const path = posix.join(below, entry.name);
    if (entry.isDirectory()) found.push(...(await findFiles(root, path)));
    else if (entry.isSymbolicLink()) found.push(...(await linkFaults(root, path)));
    else if (isPromptFile(entry)) found.push(named(path));
  }
  return found;
}

/** @throws FileFault */
export async function readLocalFile(root: string, path: string, slug: string): Promise<LocalFile> {
  const { file, digest } = await readPromptFile(root, path);
  const { content: _content, ...facts } = file;
  return { slug, path, digest, ...facts };
}

/** With its content and text. @throws FileFault */
export async function readPromptFile(
  root: string,
  path: string,
): Promise<{ readonly file: PromptFile; readonly text: string; readonly digest: string }> {
  const bytes = await readBytes(root, path);
  if (bytes === null) throw new FileFault('is not there any more');
  if (bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) {
    throw new FileFault('begins with a byte order mark: save it as UTF-8 without one');
  }
  const text = decode(bytes);
  const { file, fault } = parsePromptFile(text);
  if (fault !== null) throw new FileFault(fault);
  return { file, text, digest: digestOf(bytes) };
}

export function pathOf(slug: string): string {
  return `${slug}${EXTENSION}`;
}

/** Why a folder cannot hold a file of this prompt; null: it can. */
export function slugFault(slug: string): string | null {
  const segments = slug.split('/');
  if (segments.some((segment) => segment.startsWith('.')))
    return 'a part of its slug begins with ".", and hidden files are not looked at';
  if (segments.slice(0, -1).some((segment) => segment.endsWith(EXTENSION)))
    return `a folder in its slug ends with "${EXTENSION}", as files do`;
  return segments.slice(0, -1).includes(SKIPPED) ? `its slug leads into a folder "${SKIPPED}"` : null;
}

/**
 * Writes a file whole or not at all. `digest`: of what is believed to be there, null for nothing; anything else stays as it is.
 * @throws FileFault
 */
export async function writePromptFile(
  root: string,
  path: string,
  { text, digest }: { readonly text: string; readonly digest: string | null },
): Promise<void> {
  try {
    await requireFolder(root, posix.dirname(path));
    await requireUntouched(root, path, digest);
    const target = join(root, path);
    const mode = digest === null ? 0o666 : (await stat(target)).mode;
    const part = join(root, posix.dirname(path), `.${posix.basename(path)}.${randomUUID()}`);
    await replace(target, part, text, mode);
  } catch (error) {
    throw error instanceof FileFault ? error : new FileFault(`cannot be written (${codeOf(error)})`);
  }
}

/** @throws FileFault */
export async function removePromptFile(root: string, { path, digest }: LocalFile): Promise<void> {
  await requireUntouched(root, path, digest);
  await rm(join(root, path));
}

async function replace(target: string, part: string, text: string, mode: number): Promise<void> {
  const file = await open(part, 'wx', mode);
  try {
    await file.writeFile(text, 'utf8');
    await file.sync();
    await file.close();
    await rename(part, target);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(part, { force: true });
    throw error;
  }
}

async function requireUntouched(root: string, path: string, digest: string | null): Promise<void> {
  const now = await readBytes(root, path);
  if ((now === null ? null : digestOf(now)) === digest) return;
  throw new FileFault(
    digest === null ? 'is there already, under this name or one in other letters' : 'was changed meanwhile',
  );
}

/** Makes the folders of a path one by one: one that is a link would lead out of the folder. */
async function requireFolder(root: string, below: string): Promise<void> {
  let at = root;
  for (const segment of below === '.' ? [] : below.split('/')) {
    at = join(at, segment);
    // Another file of the same folder may make it at the same time.
    await mkdir(at).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    if (!(await lstat(at)).isDirectory())
      throw new FileFault(`needs a folder where ${segment} is a file or a link`);
  }
}

async function readBytes(root: string, path: string): Promise<Buffer | null> {
  const full = join(root, path);
  try {
    const found = await lstat(full);
    // A pipe would be waited for, for ever.
    if (!found.isFile()) throw new FileFault('is no regular file');
    const { size } = found;
    if (size > FILE_BYTES_MAX) throw new FileFault(`has ${size} bytes: a version holds at most 1 MiB`);
    return await readFile(full);
  } catch (error) {
    if (error instanceof FileFault) throw error;
    if (codeOf(error) === 'ENOENT') return null;
    throw new FileFault(`cannot be read (${codeOf(error)})`);
  }
}

function isPromptFile({ name }: Dirent): boolean {
  return name.toLowerCase().endsWith(EXTENSION);
}

function named(path: string): FoundFile {
  const slug = path.endsWith(EXTENSION) ? path.slice(0, -EXTENSION.length) : '';
  if (isSlug(slug)) return { path, slug, fault: null };
  return {
    path,
    slug: null,
    fault: `is named like no prompt: its path is the slug, ${SLUG_RULE}, and then "${EXTENSION}"`,
  };
}

async function linkFaults(root: string, path: string): Promise<FoundFile[]> {
  const isFile = path.toLowerCase().endsWith(EXTENSION);
  const target = await stat(join(root, path)).catch(() => null);
  if (!isFile && target?.isDirectory() !== true) return [];
  const fault = 'is a symbolic link and not followed: what belongs to the folder lies in it';
  return [{ path, slug: isFile ? named(path).slug : null, fault }];
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FileFault('is not UTF-8: save the file as UTF-8');
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error ? String(error.code) : error.message;
  return String(error);
}
