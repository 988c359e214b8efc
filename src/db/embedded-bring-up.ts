import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { DatabaseError } from 'pg';
import type { Account } from './embedded-command.ts';
import { clusterDirectory } from './embedded-data-directory.ts';
import type { Endpoint } from './embedded-endpoint.ts';
import { refreshEndpoint } from './embedded-endpoint.ts';
import { DataDirectoryInUse, EmbeddedServerFailed } from './embedded-errors.ts';
import type { DirectoryLock } from './embedded-lock.ts';
import { keepLock } from './embedded-lock.ts';
import type { LogFile } from './embedded-log-file.ts';
import { openLogFile } from './embedded-log-file.ts';
import type { PostgresProcess } from './embedded-postgres-process.ts';
import { spawnPostgres } from './embedded-postgres-process.ts';
import { findPostmaster } from './embedded-postmaster.ts';
import type { ClaimedDirectory } from './embedded-predecessor.ts';
import { endPredecessor } from './embedded-predecessor.ts';
import {
  closeSession,
  ensureDatabase,
  findLockHolder,
  openSession,
  readStarter,
  tryLock,
} from './embedded-session.ts';
import { postgresArguments } from './embedded-settings.ts';

export const databaseName = 'promptforge';

const attemptsMax = 3;
const pollMs = 15;
const slowStartMs = 10_000;

export interface StartPlan extends ClaimedDirectory {
  /** Names this start to PostgreSQL, which then tells whose it is. */
  readonly starter: string;
  readonly account: Account | null;
  readonly endpoint: Endpoint;
  readonly settings: Readonly<Record<string, string>>;
}

export interface RunningPostgres {
  readonly process: PostgresProcess;
  readonly lock: DirectoryLock;
  readonly pid: number;
}

/**
 * Starts PostgreSQL in an initialised data directory, takes the lock and creates the database.
 * @throws DataDirectoryInUse, EmbeddedServerFailed
 */
export async function bringUp(plan: StartPlan): Promise<RunningPostgres> {
  // An attempt may fail for a passing reason: backends of a killed one still linger.
  for (let attempt = 1; ; attempt += 1) {
    const stalePid = await endPredecessor(plan);
    const logFile = await openLogFile(plan.dataDirectory);
    const started = await launch(plan, logFile, stalePid);
    const session = await untilReady(plan, started);
    if (session) return secure(plan, started, session);
    if (attempt < attemptsMax) continue;
    const reason = `did not start: postgres ended with code ${await started.exited}`;
    throw new EmbeddedServerFailed({
      dataDirectory: plan.dataDirectory,
      reason,
      detail: await logFile.tail(),
    });
  }
}

async function launch(plan: StartPlan, logFile: LogFile, stalePid: number | null): Promise<PostgresProcess> {
  try {
    await refreshEndpoint(plan.endpoint, plan.account);
    const args = postgresArguments({ ...plan, clusterDirectory: clusterDirectory(plan.dataDirectory) });
    return spawnPostgres({ ...plan, args, stalePid, logDescriptor: logFile.handle.fd });
  } finally {
    await logFile.handle.close();
  }
}

/** Null when the process ended instead. A recovery after a crash may take its time, so only its end ends the wait. */
async function untilReady(plan: StartPlan, started: PostgresProcess): Promise<Client | null> {
  let reportAt = Date.now() + slowStartMs;
  while (!started.hasExited()) {
    if (plan.signal.aborted) {
      await started.stop();
      plan.signal.throwIfAborted();
    }
    const session = await connectToOwn(plan).catch(async (error: unknown) => {
      await started.stop();
      const { dataDirectory } = plan;
      throw new EmbeddedServerFailed({
        dataDirectory,
        reason: 'refuses our connection',
        detail: String(error),
      });
    });
    if (session) return session;
    if (Date.now() > reportAt) {
      plan.log('PostgreSQL is still starting (it may be recovering after a crash).');
      reportAt = Date.now() + slowStartMs;
    }
    await sleep(pollMs);
  }
  return null;
}

/**
 * Null while it is not up yet. Asks whose it is: of two simultaneous starts the slower one would otherwise take the
 * faster one's PostgreSQL for its own.
 */
async function connectToOwn(plan: StartPlan): Promise<Client | null> {
  let session: Client | null = null;
  try {
    session = await openSession(plan.endpoint);
    if ((await readStarter(session)) === plan.starter) return session;
  } catch (error) {
    if (isRefusal(error)) throw error;
  }
  if (session) closeSession(session);
  return null;
}

/** PostgreSQL is up and will not have us, for example because this system lacks a locale that the data needs. */
function isRefusal(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && !/^(57P|53)/.test(error.code ?? '57P');
}

async function secure(plan: StartPlan, started: PostgresProcess, session: Client): Promise<RunningPostgres> {
  const { dataDirectory, endpoint, log } = plan;
  try {
    if (!(await tryLock(session))) {
      throw new DataDirectoryInUse({ dataDirectory, pid: (await findLockHolder(session)) ?? 0 });
    }
    await ensureDatabase(session, databaseName);
    plan.signal.throwIfAborted();
    const postmaster = await findPostmaster(dataDirectory);
    return {
      process: started,
      lock: keepLock({ client: session, endpoint, log }),
      pid: postmaster?.pid ?? 0,
    };
  } catch (error) {
    closeSession(session);
    await started.stop();
    throw error;
  }
}
