import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Endpoint } from './embedded-endpoint.ts';
import { closeSession, findLockHolder, openSession, tryLock } from './embedded-session.ts';

const retryMs = 250;
const quietFailures = 4;

export interface DirectoryLock {
  release(): void;
}

/**
 * Keeps the session that holds the lock, and takes the lock again when the session breaks while PostgreSQL
 * lives on (an administrator ended it, a backend crashed and all were restarted).
 */
export function keepLock(options: {
  readonly client: Client;
  readonly endpoint: Endpoint;
  readonly log: (message: string) => void;
}): DirectoryLock {
  const released = new AbortController();
  let client = options.client;

  const retake = async () => {
    for (let failures = 0; !released.signal.aborted; failures += 1) {
      const outcome = await attempt(options.endpoint);
      if (typeof outcome !== 'string') return released.signal.aborted ? closeSession(outcome) : hold(outcome);
      // When PostgreSQL itself has ended, its process says so first, and this never comes to be told.
      if (failures === quietFailures) options.log(`The lock on the embedded PostgreSQL is lost: ${outcome}`);
      await sleep(retryMs, undefined, { signal: released.signal }).catch(() => undefined);
    }
  };
  const hold = (held: Client) => {
    client = held;
    held.once('end', () => void retake());
  };

  hold(options.client);
  return {
    release() {
      released.abort();
      closeSession(client);
    },
  };
}

async function attempt(endpoint: Endpoint): Promise<Client | string> {
  let client: Client | null = null;
  try {
    client = await openSession(endpoint);
    if (await tryLock(client)) return client;
    const holder = await findLockHolder(client);
    closeSession(client);
    return `process ${holder ?? 'unknown'} holds it`;
  } catch (error) {
    if (client) closeSession(client);
    return String(error);
  }
}
