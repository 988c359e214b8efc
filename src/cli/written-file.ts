import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';

/** null: there is no such file. @throws CliError */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new CliError(EXIT_CODE.USAGE, `${path} cannot be read (${code ?? message})`);
  }
}

/** Whole or not at all: who reads the file meanwhile has the former one. For everybody of this machine to read. @throws CliError */
export async function writeWholeFile(path: string, text: string): Promise<void> {
  const part = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`);
  try {
    const file = await open(part, 'wx', 0o644);
    try {
      await file.writeFile(text, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(EXIT_CODE.USAGE, `${path} cannot be written (${code ?? message})`);
  }
}
