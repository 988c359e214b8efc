import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { EmbeddedBinaries } from './embedded-binaries.ts';
import type { Account } from './embedded-command.ts';
import { commandEnvironment, spawnOptions } from './embedded-command.ts';
import { findPostmaster, signalPostmaster } from './embedded-postmaster.ts';

const stopPatienceMs = 30_000;

/**
 * Stands between us and PostgreSQL. When our end of its standard input closes, which the kernel does also after
 * `kill -9`, the inner shell asks PostgreSQL for a fast shutdown. It ignores the signals that a terminal or a
 * service manager sends to all of us: the server drains first, and then stops PostgreSQL itself.
 */
const watchdog = `trap '' INT TERM HUP
exec 3<&0 </dev/null
"$@" 3<&- & p=$!
(read _ <&3; kill -INT $p) & w=$!
exec 3<&-
wait $p; c=$?
kill -9 $w 2>/dev/null
exit $c`;

export interface PostgresProcess {
  /** Settles with the exit code when PostgreSQL is gone; 128 + n after signal n; null when it never ran. */
  readonly exited: Promise<number | null>;
  hasExited(): boolean;
  /** Fast shutdown, and an immediate one when that takes longer than 30 s. Waits for the end. */
  stop(): Promise<void>;
}

export function spawnPostgres(options: {
  readonly binaries: EmbeddedBinaries;
  readonly account: Account | null;
  readonly dataDirectory: string;
  readonly args: readonly string[];
  readonly logDescriptor: number;
  readonly stalePid: number | null;
}): PostgresProcess {
  const { binaries, logDescriptor } = options;
  const command = [binaries.postgres, ...options.args];
  const guarded = process.platform !== 'win32';
  const [program = '', ...args] = guarded
    ? ['/bin/sh', '-c', watchdog, 'promptforge-postgres', ...command]
    : command;
  const child = spawn(program, args, {
    ...spawnOptions(options.account),
    // A group of its own: Ctrl-C in a terminal reaches the server only.
    detached: guarded,
    env: { ...commandEnvironment, ...ignoring(options.stalePid) },
    stdio: ['pipe', logDescriptor, logDescriptor],
  });
  let gone = false;
  const exited = untilExit(child).finally(() => {
    gone = true;
    child.stdin?.destroy();
  });
  child.stdin?.on('error', () => undefined);
  return {
    exited,
    hasExited: () => gone,
    stop: () => stop({ child, exited, guarded, binaries, dataDirectory: options.dataDirectory }),
  };
}

/**
 * PostgreSQL refuses to start while any process of its account bears the number in postmaster.pid, except its own
 * ancestors; pg_ctl names one so. Deleting the file instead would also drop its check for surviving backends.
 */
function ignoring(stalePid: number | null): Readonly<Record<string, string>> {
  return stalePid === null ? {} : { PG_GRANDPARENT_PID: String(stalePid) };
}

function untilExit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', (code) => resolve(code));
  });
}

async function stop(options: {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly guarded: boolean;
  readonly binaries: EmbeddedBinaries;
  readonly dataDirectory: string;
}): Promise<void> {
  const { child, exited, binaries } = options;
  const postmaster = await findPostmaster(options.dataDirectory);
  const overdue = setTimeout(() => {
    if (postmaster) void signalPostmaster(postmaster.pid, 'SIGQUIT', binaries);
  }, stopPatienceMs);
  child.stdin?.destroy();
  if (!options.guarded && postmaster) await signalPostmaster(postmaster.pid, 'SIGINT', binaries);
  await exited;
  clearTimeout(overdue);
}
