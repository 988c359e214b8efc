import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { EmbeddedBinaries } from './embedded-binaries.ts';
import { DataDirectoryInUse, EmbeddedServerFailed } from './embedded-errors.ts';
import { isProcessAlive } from './embedded-files.ts';
import type { Postmaster } from './embedded-postmaster.ts';
import { findPostmaster, isPostmasterAlive, signalPostmaster } from './embedded-postmaster.ts';
import { closeSession, findLockHolder, openSession, readStarter, tryLock } from './embedded-session.ts';

/** How long a starter that lives may take from PostgreSQL's first answer to its lock. */
const starterPatienceMs = 5_000;
/** How long a PostgreSQL that answers nobody may take to come up or to go down. */
const silencePatienceMs = 30_000;
const pollMs = 25;

export interface Claim {
  readonly dataDirectory: string;
  readonly starter: string;
  readonly binaries: EmbeddedBinaries;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
}

/**
 * Waits until no PostgreSQL runs in the data directory: stops one whose server is gone, and lets one that is
 * already going down finish. Answers the process number of a stale postmaster.pid that another program bears now.
 * @throws DataDirectoryInUse when a live server holds it.
 * @throws EmbeddedServerFailed when an orphan cannot be stopped.
 */
export async function claimDataDirectory(claim: Claim): Promise<number | null> {
  const begun = Date.now();
  let answeredAt: number | null = null;
  for (;;) {
    claim.signal.throwIfAborted();
    const postmaster = await findPostmaster(claim.dataDirectory);
    if (!postmaster) return null;

    const session = await connect(postmaster);
    const alive = await isPostmasterAlive(postmaster.pid, claim.dataDirectory);
    if (session) {
      answeredAt ??= Date.now();
      const patient = Date.now() - answeredAt < starterPatienceMs;
      await settle({ ...claim, session, postmaster, alive, patient });
    } else if (!alive) {
      return isProcessAlive(postmaster.pid) ? postmaster.pid : null;
    }
    if (Date.now() - begun > silencePatienceMs) {
      throw new DataDirectoryInUse({ dataDirectory: claim.dataDirectory, pid: postmaster.pid });
    }
    await sleep(pollMs);
  }
}

interface Encounter extends Claim {
  readonly session: Client;
  readonly postmaster: Postmaster;
  readonly alive: boolean;
  readonly patient: boolean;
}

/** Returns when it is worth looking again. */
async function settle(encounter: Encounter): Promise<void> {
  const { session, postmaster, dataDirectory } = encounter;
  try {
    const holder = await findLockHolder(session);
    if (holder !== null) throw new DataDirectoryInUse({ dataDirectory, pid: holder });
    // It answers, but bears no number of ours: it runs in another container, where we can stop nothing.
    if (!encounter.alive) throw new DataDirectoryInUse({ dataDirectory, pid: postmaster.pid });
    const starter = await readStarter(session);
    if (encounter.patient && starter !== encounter.starter && isStarterAlive(starter)) return;
    // Of two that find the orphan one may stop it.
    if (!(await tryLock(session))) return;
    encounter.log(`Stopping PostgreSQL process ${postmaster.pid}, whose server is gone.`);
    await stopPostmaster(encounter);
  } catch (error) {
    // The session may break at any moment: whoever runs there may be going down just now.
    if (error instanceof DataDirectoryInUse || error instanceof EmbeddedServerFailed) throw error;
  } finally {
    closeSession(session);
  }
}

async function connect(postmaster: Postmaster): Promise<Client | null> {
  if (!postmaster.endpoint) return null;
  return openSession(postmaster.endpoint).catch(() => null);
}

function isStarterAlive(starter: string): boolean {
  const pid = Number(starter.split(':')[1]);
  return Number.isInteger(pid) && pid > 0 && isProcessAlive(pid);
}

/** A fast shutdown; when that hangs, one that the next start recovers from. */
async function stopPostmaster({ postmaster, dataDirectory, binaries }: Encounter): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    await signalPostmaster(postmaster.pid, signal, binaries);
    const deadline = Date.now() + silencePatienceMs;
    while (Date.now() < deadline) {
      if (!(await isPostmasterAlive(postmaster.pid, dataDirectory))) return;
      await sleep(pollMs);
    }
  }
  const reason = `is held by PostgreSQL process ${postmaster.pid}, which does not stop`;
  throw new EmbeddedServerFailed({ dataDirectory, reason });
}
