import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Reader } from '../db/client.ts';

const HEARING_MS = 2_000;

/**
 * Whether a connection hears what is announced on others. Behind a pooler that lends connections by the transaction it does not, though
 * its LISTEN is answered like any other. @throws what the database fails with
 */
export async function canHear(client: pg.Client, announcer: Reader): Promise<boolean> {
  const channel = `promptforge_${randomBytes(8).toString('hex')}`;
  const { heard, forget } = hear(client, channel);
  try {
    await client.query(`LISTEN ${channel}`);
    await announcer.$queryRaw`SELECT pg_notify(${channel}, '')::text`;
    if (!(await heard)) return false;
    await client.query(`UNLISTEN ${channel}`);
    return true;
  } finally {
    forget();
  }
}

function hear(client: pg.Client, wanted: string): { heard: Promise<boolean>; forget: () => void } {
  let settle: (isHeard: boolean) => void = () => undefined;
  const heard = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  const listen = ({ channel }: pg.Notification) => {
    if (channel === wanted) settle(true);
  };
  const timer = setTimeout(() => settle(false), HEARING_MS);
  timer.unref();
  client.on('notification', listen);
  const forget = () => {
    clearTimeout(timer);
    client.off('notification', listen);
  };
  return { heard, forget };
}
