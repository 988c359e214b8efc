import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, readdir, realpath, rename, rmdir, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { Account } from './embedded-command.ts';
import type { Endpoint } from './embedded-endpoint.ts';
import { refreshEndpoint } from './embedded-endpoint.ts';
import { DataDirectoryInUse, EmbeddedServerFailed } from './embedded-errors.ts';
import { hasCode } from './embedded-files.ts';

/** Every attempt after the first means that somebody else came, went or died just then. */
const attemptsMax = 50;
/** How long the server of a Windows claim may take to say its process number. */
const greetingPatienceMs = 2_000;

const holderPattern = /^(\d+)-[0-9a-f]{6}$/;
const preparedPattern = /^claim-[0-9a-f]{6}$/;

/**
 * The sole right to work in a data directory: a socket on which its holder listens. The kernel closes it with the
 * process, also after `kill -9`, and answers for a holder that is stopped or gets no processor.
 */
export interface Claim {
  /** Tells this claim from that of any other start. */
  readonly name: string;
  release(): Promise<void>;
}

interface Claimed {
  readonly dataDirectory: string;
  readonly endpoint: Endpoint;
  readonly account: Account | null;
}

/**
 * Of any number of starts one gets it, whichever is slower.
 * @throws DataDirectoryInUse when another start or server holds it.
 * @throws EmbeddedServerFailed when the file system does not let us.
 */
export async function claimDataDirectory(claimed: Claimed): Promise<Claim> {
  const { dataDirectory, endpoint, account } = claimed;
  if (process.platform === 'win32') return claimPipe(await pipeName(dataDirectory), dataDirectory);
  let failure: unknown;
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    try {
      const holder = await findClaimHolder(endpoint.host);
      if (holder) throw new DataDirectoryInUse({ dataDirectory, pid: holder.pid });
      return await enter(endpoint.host);
    } catch (error) {
      if (error instanceof DataDirectoryInUse) throw error;
      failure = error;
      // The server that was there stopped, and removed the directory of the socket.
      if (hasCode(error, 'ENOENT')) await refreshEndpoint(endpoint, account);
    }
  }
  const reason = `cannot be claimed: ${String(failure)}`;
  throw new EmbeddedServerFailed({ dataDirectory, reason });
}

/**
 * Who holds the claim in the directory of a socket. A socket that nobody listens on any more is removed: its name is
 * never given again, so that it cannot be one that has come in the meantime.
 */
export async function findClaimHolder(host: string): Promise<{ name: string; pid: number } | null> {
  const directory = join(host, 'claim');
  for (const name of await namesIn(directory)) {
    const pid = holderPattern.exec(name)?.[1];
    if (pid === undefined) continue;
    const path = join(directory, name);
    if (await isListening(path)) return { name, pid: Number(pid) };
    await unlink(path).catch(unlessGone);
  }
  return null;
}

/**
 * The one step that decides is the rename of a directory with a listening socket: it fails while anything lies in
 * `claim/`, and what lies there is removed by its holder, or when its holder is dead, and by no other.
 */
async function enter(host: string): Promise<Claim> {
  const random = randomBytes(3).toString('hex');
  const name = `${process.pid}-${random}`;
  const prepared = join(host, `claim-${random}`);
  const directory = join(host, 'claim');
  await mkdir(prepared, { mode: 0o700 });
  let server: Server | undefined;
  try {
    server = await listen(join(prepared, name));
    await rename(prepared, directory);
    // Not there when the holder of that time swept it away between the two steps.
    await access(join(directory, name));
  } catch (error) {
    server?.close();
    await unlink(join(prepared, name)).catch(ignore);
    await rmdir(prepared).catch(ignore);
    throw error;
  }
  await sweep(host).catch(ignore);
  const held = server;
  const release = async () => {
    await unlink(join(directory, name)).catch(ignore);
    await rmdir(directory).catch(ignore);
    held.close();
  };
  return { name, release };
}

/**
 * Removes what starts prepared that were killed before they renamed it. One that lives tries anew, and finds us. By
 * paths, not recursively: what was renamed meanwhile must be out of reach.
 */
async function sweep(host: string): Promise<void> {
  for (const prepared of await namesIn(host)) {
    if (!preparedPattern.test(prepared)) continue;
    const directory = join(host, prepared);
    for (const name of await namesIn(directory)) {
      if (holderPattern.test(name)) await unlink(join(directory, name)).catch(unlessGone);
    }
    await rmdir(directory).catch(ignore);
  }
}

/** For Windows, where a name is bound once, by one process, and is free when that has ended. Exported for its test. */
export async function claimPipe(path: string, dataDirectory: string): Promise<Claim> {
  try {
    const server = await listen(path);
    return { name: path, release: async () => void server.close() };
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE')) {
      throw new DataDirectoryInUse({ dataDirectory, pid: await askForProcess(path) });
    }
    throw new EmbeddedServerFailed({ dataDirectory, reason: `cannot be claimed: ${String(error)}` });
  }
}

async function pipeName(dataDirectory: string): Promise<string> {
  const path = (await realpath(dataDirectory)).toLowerCase();
  return `\\\\.\\pipe\\promptforge-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
}

/** Tells everyone who connects the process number, and keeps nothing alive. */
async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', ignore);
    socket.end(String(process.pid));
    socket.unref();
  });
  // Exclusive: in a worker of `cluster` the socket would be the primary's otherwise.
  server.listen({ path, exclusive: true });
  await once(server, 'listening');
  // Out of file descriptors it can greet nobody, and holds the claim all the same.
  server.on('error', ignore);
  server.unref();
  return server;
}

/** The kernel's answer, not the holder's. What is no clear no counts as a yes. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(!hasCode(error, 'ECONNREFUSED', 'ENOENT', 'ENOTSOCK')));
  });
}

/** 0 when the holder has no time to say. */
function askForProcess(path: string): Promise<number> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    socket.setTimeout(greetingPatienceMs, () => socket.destroy());
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('error', ignore);
    socket.once('close', () => resolve(Number(text)));
  });
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch((error: unknown) => {
    unlessGone(error);
    return [];
  });
}

function unlessGone(error: unknown): void {
  if (!hasCode(error, 'ENOENT')) throw error;
}

function ignore(): void {}
