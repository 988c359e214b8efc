import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { EmbeddedBinaries } from './embedded-binaries.ts';
import type { Claim } from './embedded-claim.ts';
import { findClaimHolder } from './embedded-claim.ts';
import { DataDirectoryInUse, EmbeddedServerFailed } from './embedded-errors.ts';
import { isProcessAlive } from './embedded-files.ts';
import type { Postmaster } from './embedded-postmaster.ts';
import { findPostmaster, isPostmasterAlive, signalPostmaster } from './embedded-postmaster.ts';
import { closeSession, findLockHolder, openSession, tryLock } from './embedded-session.ts';

/** How long a PostgreSQL whose server is gone may take to come up, to notice that, and to go down. */
const patienceMs = 30_000;
const pollMs = 25;

export interface ClaimedDirectory {
  readonly dataDirectory: string;
  readonly claim: Claim;
  readonly binaries: EmbeddedBinaries;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
}

/**
 * Waits until no PostgreSQL runs in the claimed directory: stops one whose server is gone, and lets one that is
 * already going down finish. Answers the process number of a stale postmaster.pid that another program bears now.
 * @throws DataDirectoryInUse when it does not go, or is not ours to stop.
 * @throws EmbeddedServerFailed when an orphan cannot be stopped.
 */
export async function endPredecessor(
  claimed: ClaimedDirectory,
  patience = patienceMs,
): Promise<number | null> {
  const { dataDirectory } = claimed;
  const deadline = Date.now() + patience;
  for (;;) {
    claimed.signal.throwIfAborted();
    const postmaster = await findPostmaster(dataDirectory);
    if (!postmaster) return null;

    const session = await connect(postmaster);
    const alive = await isPostmasterAlive(postmaster.pid, dataDirectory);
    if (!session && !alive) return isProcessAlive(postmaster.pid) ? postmaster.pid : null;
    const holder = session && (await settle({ ...claimed, session, postmaster, alive }));
    if (Date.now() > deadline) throw new DataDirectoryInUse({ dataDirectory, pid: holder ?? postmaster.pid });
    await sleep(pollMs);
  }
}

interface Encounter extends ClaimedDirectory {
  readonly session: Client;
  readonly postmaster: Postmaster;
  readonly alive: boolean;
}

/** Returns when it is worth looking again, with the process that still holds the lock. */
async function settle(encounter: Encounter): Promise<number | null> {
  const { session, postmaster, dataDirectory } = encounter;
  try {
    const holder = await findLockHolder(session);
    // It answers, but bears no number of ours: it runs in another container, where we can stop nothing.
    if (!encounter.alive) throw new DataDirectoryInUse({ dataDirectory, pid: holder ?? postmaster.pid });
    await refuseForeignClaim(encounter);
    // The claim is ours, so its server is gone, and PostgreSQL has yet to notice. Should the files of a claim have
    // been removed under a living server, the lock does not go, and nothing is stopped.
    if (holder !== null || !(await tryLock(session))) return holder;
    encounter.log(`Stopping PostgreSQL process ${postmaster.pid}, whose server is gone.`);
    await stopPostmaster(encounter);
  } catch (error) {
    // The session may break at any moment: whoever runs there may be going down just now.
    if (error instanceof DataDirectoryInUse || error instanceof EmbeddedServerFailed) throw error;
  } finally {
    closeSession(session);
  }
  return null;
}

/** Its socket and claim may lie elsewhere than ours: a long path and another TMPDIR. */
async function refuseForeignClaim({ postmaster, claim, dataDirectory }: Encounter): Promise<void> {
  if (process.platform === 'win32' || !postmaster.endpoint) return;
  const holder = await findClaimHolder(postmaster.endpoint.host);
  if (holder && holder.name !== claim.name) throw new DataDirectoryInUse({ dataDirectory, pid: holder.pid });
}

async function connect(postmaster: Postmaster): Promise<Client | null> {
  if (!postmaster.endpoint) return null;
  return openSession(postmaster.endpoint).catch(() => null);
}

/** A fast shutdown; when that hangs, one that the next start recovers from. */
async function stopPostmaster({ postmaster, dataDirectory, binaries }: Encounter): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    await signalPostmaster(postmaster.pid, signal, binaries);
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline) {
      if (!(await isPostmasterAlive(postmaster.pid, dataDirectory))) return;
      await sleep(pollMs);
    }
  }
  const reason = `is held by PostgreSQL process ${postmaster.pid}, which does not stop`;
  throw new EmbeddedServerFailed({ dataDirectory, reason });
}
