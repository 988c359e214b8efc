import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEmbeddedBinaries } from './embedded-binaries.ts';
import type { RunningPostgres, StartPlan } from './embedded-bring-up.ts';
import { bringUp, databaseName } from './embedded-bring-up.ts';
import { claimDataDirectory } from './embedded-claim.ts';
import { ensureCluster, superuser } from './embedded-cluster.ts';
import { candidateDirectories, placeDataDirectory, requireMajor } from './embedded-data-directory.ts';
import type { Endpoint } from './embedded-endpoint.ts';
import { passwordPath, prepareEndpoint, removeEndpoint } from './embedded-endpoint.ts';
import { EmbeddedServerFailed } from './embedded-errors.ts';
import { hasCode } from './embedded-files.ts';
import { findPostmaster } from './embedded-postmaster.ts';
import { closeSession, openSession } from './embedded-session.ts';

const restartDelayMs = 1_000;
const restartDelayMsMax = 10_000;

export interface EmbeddedConnection {
  /** The directory of the unix socket, or 127.0.0.1 on Windows. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
}

export interface EmbeddedServer {
  /** Stays valid when PostgreSQL is restarted after an unexpected exit. */
  readonly connection: EmbeddedConnection;
  /** Where the data really lies: as root it may be another place than the one asked for. */
  readonly dataDirectory: string;
  /** The postmaster's process number; another one after a restart. */
  readonly pid: number;
  /** Fast shutdown; waits for the end, and may be called again. Afterwards nothing keeps Node alive. */
  stop(): Promise<void>;
}

export interface EmbeddedServerOptions {
  readonly dataDirectory: string;
  readonly log: (message: string) => void;
  /** PostgreSQL settings that replace ours; those that keep data safe and private cannot be replaced. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Breaks the start off: initdb and PostgreSQL are stopped and waited for, then it throws. Nothing afterwards. */
  readonly signal?: AbortSignal;
  /** Told when PostgreSQL ended without `stop()`; a restart is then under way. 128 + n after signal n. Must not throw. */
  readonly onUnexpectedExit?: (code: number | null) => void;
}

/**
 * Starts a PostgreSQL of our own in the data directory, creating it when it is new, and keeps it running.
 * @throws EmbeddedBinariesMissing, DataDirectoryInUse, WrongPostgresMajor, EmbeddedServerFailed
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const stopping = new AbortController();
  const breakOff = () => stopping.abort();
  options.signal?.throwIfAborted();
  options.signal?.addEventListener('abort', breakOff);
  try {
    const plan = await prepare(options, stopping.signal);
    return await startClaimed(plan, options, stopping).catch(async (error: unknown) => {
      await leave(plan);
      throw error;
    });
  } finally {
    options.signal?.removeEventListener('abort', breakOff);
  }
}

async function startClaimed(
  plan: StartPlan,
  options: EmbeddedServerOptions,
  stopping: AbortController,
): Promise<EmbeddedServer> {
  const { dataDirectory, endpoint } = plan;
  const passwordFile = passwordPath(dataDirectory);
  await ensureCluster({ ...plan, passwordFile });
  let running = await bringUp(plan);
  options.log(`PostgreSQL ${plan.binaries.major} runs in ${dataDirectory}.`);

  const supervision = supervise({ plan, first: running, options, onRestart: (next) => (running = next) });
  const stop = async () => {
    stopping.abort();
    running.lock.release();
    await running.process.stop();
    await supervision;
    await leave(plan);
  };
  let stopped: Promise<void> | undefined;
  return {
    connection: connectionTo(endpoint),
    dataDirectory,
    get pid() {
      return running.pid;
    },
    stop: () => (stopped ??= stop()),
  };
}

/** Up to the claim nothing is written that a start at the same moment would mind. */
async function prepare(options: EmbeddedServerOptions, signal: AbortSignal): Promise<StartPlan> {
  const { log, settings = {} } = options;
  const placement = await placeDataDirectory(options.dataDirectory, log);
  const { dataDirectory } = placement;
  const binaries = await findEmbeddedBinaries(placement);
  await requireMajor(dataDirectory, binaries.major);
  const endpoint = await prepareEndpoint(placement);
  const claim = await claimDataDirectory({ ...placement, endpoint });
  const starter = `promptforge:${process.pid}:${randomBytes(6).toString('hex')}`;
  return { ...placement, binaries, endpoint, claim, settings, starter, log, signal };
}

/** When PostgreSQL is gone, not before: whoever gets the claim next stops one that runs. */
async function leave({ claim, endpoint }: StartPlan): Promise<void> {
  await claim.release();
  await removeEndpoint(endpoint);
}

/**
 * How to reach the embedded server that runs in a data directory, or null when none does.
 * @throws EmbeddedServerFailed when the directory belongs to another account.
 */
export async function connectToRunningEmbedded(dataDirectory: string): Promise<EmbeddedConnection | null> {
  for (const candidate of candidateDirectories(dataDirectory)) {
    const endpoint = await findEndpoint(candidate);
    const session = endpoint && (await openSession(endpoint).catch(() => null));
    if (!session) continue;
    closeSession(session);
    return connectionTo(endpoint);
  }
  return null;
}

async function findEndpoint(dataDirectory: string): Promise<Endpoint | null> {
  try {
    return (await findPostmaster(dataDirectory))?.endpoint ?? null;
  } catch (error) {
    if (!hasCode(error, 'EACCES')) throw error;
    const reason = 'belongs to another account: run this as root, or as the account that owns it';
    throw new EmbeddedServerFailed({ dataDirectory, reason });
  }
}

function connectionTo(endpoint: Endpoint): EmbeddedConnection {
  return { ...endpoint, user: superuser, database: databaseName };
}

interface Supervision {
  readonly plan: StartPlan;
  readonly first: RunningPostgres;
  readonly options: EmbeddedServerOptions;
  readonly onRestart: (running: RunningPostgres) => void;
}

/** Lasts until `stop()`. */
async function supervise({ plan, first, options, onRestart }: Supervision): Promise<void> {
  let running: RunningPostgres | null = first;
  while (running) {
    const code: number | null = await running.process.exited;
    if (plan.signal.aborted) return;
    running.lock.release();
    plan.log(`PostgreSQL ended unexpectedly with code ${code}; starting it again.`);
    options.onUnexpectedExit?.(code);
    running = await restart(plan);
    if (running) onRestart(running);
  }
}

/** Null when `stop()` came in between. */
async function restart(plan: StartPlan): Promise<RunningPostgres | null> {
  for (let delayMs = restartDelayMs; ; delayMs = Math.min(delayMs * 2, restartDelayMsMax)) {
    try {
      await sleep(delayMs, undefined, { signal: plan.signal });
      const running = await bringUp(plan);
      if (plan.signal.aborted) {
        running.lock.release();
        await running.process.stop();
        return null;
      }
      plan.log(`PostgreSQL runs again in ${plan.dataDirectory}.`);
      return running;
    } catch (error) {
      if (plan.signal.aborted) return null;
      plan.log(`PostgreSQL could not be started again: ${String(error)}`);
    }
  }
}
