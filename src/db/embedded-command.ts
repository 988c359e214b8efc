import { spawn } from 'node:child_process';

/** The operating system account PostgreSQL runs as when we are root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
  /** Set when the command could not even be started, for example `EACCES` or `ENOENT`. */
  readonly spawnError?: string;
}

/** All that PostgreSQL's programs get: a caller's PGDATA, PGOPTIONS or LC_ALL must not reach them. */
export const commandEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/** `cwd` is the root because the account may not be allowed to enter the directory we were started in. */
export function spawnOptions(account: Account | null) {
  const identity = account ? { uid: account.uid, gid: account.gid } : {};
  return { cwd: '/', windowsHide: true, ...identity };
}

/**
 * Runs a program to its end as `account` (or as ourselves). Never rejects: failures stand in the result. An aborted one is asked
 * to end, and waited for.
 */
export function runCommand(
  account: Account | null,
  command: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<CommandResult> {
  const child = spawn(command, [...args], {
    ...spawnOptions(account),
    env: commandEnvironment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => child.kill();
  signal?.addEventListener('abort', end);
  child.once('close', () => signal?.removeEventListener('abort', end));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const output = () => Buffer.concat(chunks).toString('utf8');
  return new Promise((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ code: null, output: error.message, spawnError: error.code ?? 'UNKNOWN' }),
    );
    child.on('close', (code) => resolve({ code, output: output() }));
  });
}
