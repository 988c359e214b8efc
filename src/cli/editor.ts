import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';

/** A file that only its owner reads, in a directory that only its owner enters. */
export interface EditedFile {
  readonly path: string;
  read(): Promise<string>;
  remove(): Promise<void>;
}

export async function createEditedFile(name: string, text: string): Promise<EditedFile> {
  const path = join(await mkdtemp(join(tmpdir(), 'promptforge-edit-')), `${name.replaceAll('/', '-')}.txt`);
  await writeFile(path, text, { mode: 0o600, flag: 'wx' });
  return {
    path,
    read: () => readText(path),
    remove: () => rm(dirname(path), { recursive: true, force: true }),
  };
}

/** The text of a file. @throws CliError when it cannot be read, or is not UTF-8 */
export async function readText(path: string | Buffer, name = String(path)): Promise<string> {
  try {
    const bytes = typeof path === 'string' ? await readFile(path) : path;
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError)
      throw new CliError(EXIT_CODE.USAGE, `${name} is not UTF-8: save it as UTF-8`);
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(EXIT_CODE.USAGE, `${name} cannot be read (${code ?? message})`);
  }
}

/**
 * Opens the editor on the file and waits for its end. The command is one for the shell: "code --wait" has arguments of its own.
 * @throws CliError when the editor cannot be started or does not end with 0
 */
export async function runEditor(command: string, path: string): Promise<void> {
  // Ctrl-C in the terminal goes to both of us: what it means is the editor's matter while it is open.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    const outcome = await new Promise<string | number | null>((resolve, reject) => {
      const child =
        process.platform === 'win32'
          ? spawn(`${command} "${path}"`, { stdio: 'inherit', shell: true })
          : spawn('sh', ['-c', `${command} "$1"`, 'sh', path], { stdio: 'inherit' });
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(signal ?? code));
    });
    if (outcome !== 0)
      throw new CliError(
        EXIT_CODE.FAULTS,
        `the editor (${command}) ended with ${outcome}: nothing was saved`,
      );
  } finally {
    process.off('SIGINT', ignore);
  }
}
