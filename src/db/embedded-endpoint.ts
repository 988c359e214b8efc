import { createHash, randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { giveTo } from './embedded-account.ts';
import type { Account } from './embedded-command.ts';
import { runCommand } from './embedded-command.ts';
import type { Placement } from './embedded-data-directory.ts';
import { EmbeddedServerFailed } from './embedded-errors.ts';
import { findText, hasCode } from './embedded-files.ts';

/** Where clients reach the server: a socket directory, or 127.0.0.1 on Windows, where Node has no such sockets. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly password?: string;
}

const port = 5432;
/** What the kernel's address structure holds, less the closing zero byte. */
const socketPathBytesMax = process.platform === 'linux' ? 107 : 103;
/** The longest name below the directory, which is that of a claim; PostgreSQL's own is shorter. */
const longestName = 'claim-012345/4194304-012345';
const attemptsMax = 5;

export function passwordPath(dataDirectory: string): string | null {
  return process.platform === 'win32' ? join(dataDirectory, 'password') : null;
}

/** @throws EmbeddedServerFailed when no directory can hold the socket. */
export async function prepareEndpoint(placement: Placement): Promise<Endpoint> {
  const path = passwordPath(placement.dataDirectory);
  if (path !== null)
    return { host: '127.0.0.1', port: await findFreePort(), ...(await readOrMakePassword(path)) };
  return { host: await makeSocketDirectory(placement), port };
}

/** Makes the socket's directory anew, should it have been removed meanwhile. */
export async function refreshEndpoint(endpoint: Endpoint, account: Account | null): Promise<void> {
  if (endpoint.password === undefined) await takeDirectory(endpoint.host, account);
}

export async function removeEndpoint(endpoint: Endpoint): Promise<void> {
  if (endpoint.password !== undefined) return;
  // Not empty: PostgreSQL was killed, and the next start clears what it left, or a next start has begun.
  await rmdir(endpoint.host).catch(() => undefined);
}

/**
 * Preferably inside the data directory: there a server in another container or with a private /tmp, which shares
 * the directory, but not our process numbers, is found by its socket and left alone.
 */
async function makeSocketDirectory({ dataDirectory, account }: Placement): Promise<string> {
  const hash = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 12);
  const bases = [
    join(dataDirectory, 'socket'),
    join(tmpdir(), `promptforge-${hash}`),
    `/tmp/promptforge-${hash}`,
  ];
  for (const directory of bases.filter(fits)) {
    if (await takeDirectory(directory, account)) return directory;
  }
  for (const base of bases.slice(1).map((path) => `${path}-${randomBytes(3).toString('hex')}`)) {
    if (fits(base) && (await takeDirectory(base, account))) return base;
  }
  throw new EmbeddedServerFailed({ dataDirectory, reason: 'found no directory that can hold a unix socket' });
}

function fits(directory: string): boolean {
  return Buffer.byteLength(join(directory, longestName)) <= socketPathBytesMax;
}

/** False when the directory is somebody else's (a name in /tmp can be taken), out of reach, or holds no sockets. */
async function takeDirectory(directory: string, account: Account | null): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    if (await tryDirectory(directory, account)) return true;
    // Gone again: a server that was stopping removed it. All that start on the same data must come to the same answer.
    if (attempt === attemptsMax || !(await isGone(directory))) return false;
  }
}

/** False also when there is nothing it could be made in. */
async function isGone(directory: string): Promise<boolean> {
  const exists = (path: string) => lstat(path).then(Boolean, () => false);
  return !(await exists(directory)) && (await exists(dirname(directory)));
}

async function tryDirectory(directory: string, account: Account | null): Promise<boolean> {
  try {
    const made = await mkdir(directory, { mode: 0o700 }).then(
      () => true,
      (error: unknown) => {
        if (hasCode(error, 'EEXIST')) return false;
        throw error;
      },
    );
    const { uid } = await lstat(directory);
    const ownUid = account?.uid ?? process.getuid?.();
    if (!made && uid !== ownUid && uid !== process.getuid?.()) return false;
    if (!(await lstat(directory)).isDirectory()) return false;
    await giveTo(account, directory);
    await chmod(directory, 0o700);
    return (await holdsSockets(directory)) && (await canEnter(directory, account));
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

async function canEnter(directory: string, account: Account | null): Promise<boolean> {
  if (!account) return true;
  const result = await runCommand(account, '/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory]);
  return result.code === 0;
}

/** Some mounts into containers and some network file systems refuse them. */
async function holdsSockets(directory: string): Promise<boolean> {
  const probe = join(directory, `.${randomBytes(4).toString('hex')}`);
  const server = createServer();
  const bound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(probe, () => resolve(true));
  });
  if (bound) await new Promise((resolve) => server.close(resolve));
  await rm(probe, { force: true });
  return bound;
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

async function readOrMakePassword(path: string): Promise<{ readonly password: string }> {
  const fresh = randomBytes(24).toString('base64url');
  await writeFile(path, fresh, { mode: 0o600, flag: 'wx' }).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  return { password: (await findText(path)) ?? fresh };
}
