import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Reader } from '../db/client.ts';

/** One for all tests: behind a pooler nobody takes a LISTEN back. */
const CHANNEL = 'promptforge_hearing';
const HEARING_MS = 2_000;

/**
 * Whether a connection hears what is announced on others. Behind a pooler that lends connections by the transaction it does not, though
 * its LISTEN is answered like any other. @throws what the database fails with
 */
export async function canHear(client: pg.Client, announcer: Reader): Promise<boolean> {
  const token = randomBytes(8).toString('hex');
  const { heard, giveUpLater, forget } = hear(client, token);
  try {
    await client.query(`LISTEN ${CHANNEL}`);
    await announcer.$queryRaw`SELECT pg_notify(${CHANNEL}, ${token})::text`;
    // From here on: before, the announcer may have had to connect, on a machine that has just started.
    giveUpLater();
    if (!(await heard)) return false;
    await client.query(`UNLISTEN ${CHANNEL}`);
    return true;
  } finally {
    forget();
  }
}

function hear(client: pg.Client, token: string) {
  let settle: (isHeard: boolean) => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const heard = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  const listen = ({ channel, payload }: pg.Notification) => {
    if (channel === CHANNEL && payload === token) settle(true);
  };
  client.on('notification', listen);
  return {
    heard,
    giveUpLater: () => {
      timer = setTimeout(() => settle(false), HEARING_MS);
      timer.unref();
    },
    forget: () => {
      clearTimeout(timer);
      client.off('notification', listen);
    },
  };
}
