import { readlink, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { EmbeddedBinaries } from './embedded-binaries.ts';
import { runCommand } from './embedded-command.ts';
import type { Endpoint } from './embedded-endpoint.ts';
import { passwordPath } from './embedded-endpoint.ts';
import { clusterDirectory } from './embedded-data-directory.ts';
import { findText, hasCode } from './embedded-files.ts';

/** What postmaster.pid says. The file outlives its process after a crash. */
export interface Postmaster {
  readonly pid: number;
  /** Null while PostgreSQL has not come far enough to write it. */
  readonly endpoint: Endpoint | null;
}

/** Null when there is no postmaster.pid, or it is still empty. */
export async function findPostmaster(dataDirectory: string): Promise<Postmaster | null> {
  const text = await findText(join(clusterDirectory(dataDirectory), 'postmaster.pid'));
  const lines = text?.split('\n') ?? [];
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) return null;

  const port = Number(lines[3]);
  const host = lines[4] || lines[5];
  if (!host || !Number.isInteger(port) || port <= 0) return { pid, endpoint: null };
  const path = passwordPath(dataDirectory);
  const password = path === null ? null : await findText(path);
  return { pid, endpoint: password === null ? { host, port } : { host, port, password } };
}

/**
 * Whether the process of a postmaster.pid still is that PostgreSQL. Process numbers are given anew, in containers
 * often at once; where /proc exists, the program's name and its working directory tell.
 */
export async function isPostmasterAlive(pid: number, dataDirectory: string): Promise<boolean> {
  if (!isSignalable(pid)) return false;
  if (process.platform !== 'linux') return true;
  // Empty when the process has ended and its parent has not collected it.
  const [program = ''] = ((await findText(`/proc/${pid}/cmdline`).catch(() => null)) ?? '').split('\0');
  if (!basename(program).startsWith('postgres')) return false;
  try {
    const directory = await realpath(clusterDirectory(dataDirectory));
    return (await readlink(`/proc/${pid}/cwd`)) === directory;
  } catch (error) {
    // Root in a container is often denied this look at another account's process: then we cannot rule it out.
    return !hasCode(error, 'ENOENT');
  }
}

/** PostgreSQL runs as ourselves, or we are root: what we may not signal is another program with its old number. */
function isSignalable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Windows knows no signals; pg_ctl speaks to PostgreSQL there. */
export async function signalPostmaster(
  pid: number,
  signal: 'SIGINT' | 'SIGQUIT',
  binaries: EmbeddedBinaries,
): Promise<void> {
  if (process.platform === 'win32') {
    await runCommand(null, binaries.pgCtl, ['kill', signal.slice(3), String(pid)]);
    return;
  }
  if (isSignalable(pid)) process.kill(pid, signal);
}
