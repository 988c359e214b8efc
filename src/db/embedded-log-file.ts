import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';

const sizeBytesMax = 10 * 1024 * 1024;
const tailBytes = 4_096;
const tailLines = 20;

/** PostgreSQL's own log. `tail` reads the last lines written since it was opened. */
export interface LogFile {
  readonly handle: FileHandle;
  tail(): Promise<string>;
}

export async function openLogFile(dataDirectory: string): Promise<LogFile> {
  const path = join(dataDirectory, 'postgresql.log');
  const size = await sizeOf(path);
  if (size > sizeBytesMax) await rename(path, `${path}.1`);
  // The directory may belong to the unprivileged account: as root we must not follow a link that it put there.
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
  const handle = await open(path, flags, 0o600);
  const start = size > sizeBytesMax ? 0 : size;
  return { handle, tail: () => readTail(path, start) };
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function readTail(path: string, start: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const from = Math.max(start, size - tailBytes);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    await file.read(buffer, 0, buffer.length, from);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-tailLines).join('\n');
  } finally {
    await file.close();
  }
}
