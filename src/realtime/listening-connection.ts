import type pg from 'pg';
import type { Database } from '../db/client.ts';
import { canHear } from './hearing.ts';

const CHANNEL = 'promptforge';
const CHECK_MS = 10_000;
const FAREWELL_MS = 1_000;

export interface ListeningConnection {
  end(): Promise<void>;
}

export interface ListeningOptions {
  readonly onListening: () => void;
  readonly onAnnounced: (workspaceId: string) => void;
  /** Once at most, and not after `end`. Deaf: it was answered, but announcements do not arrive. */
  readonly onLost: (reason: string, loss: { readonly deaf: boolean }) => void;
}

/**
 * One connection that LISTENs for announced commits. It asks now and then whether it still stands: one that is half open stays silent for
 * ever, as if nothing were committed.
 */
export function openListening(
  database: Database,
  { onListening, onAnnounced, onLost }: ListeningOptions,
): ListeningConnection {
  const client = database.newConnection();
  let over = false;
  let timer: NodeJS.Timeout | undefined;

  const lose = (reason: string, deaf = false) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    // Without a farewell, which may never be answered.
    client.connection.stream.destroy();
    onLost(reason, { deaf });
  };

  async function connect(): Promise<void> {
    await client.connect();
    if (!(await canHear(client, database.control))) return lose('announcements do not arrive', true);
    await client.query(`LISTEN ${CHANNEL}`);
    if (over) return;
    onListening();
    checkLater();
  }

  function checkLater(): void {
    timer = setTimeout(() => {
      // Gives up after a timeout of its own.
      client.query('SELECT 1').then(() => over || checkLater(), fail);
    }, CHECK_MS);
    timer.unref();
  }

  const fail = (error: unknown) => lose(error instanceof Error ? error.message : String(error));
  client.on('notification', ({ channel, payload }) => {
    if (channel === CHANNEL) onAnnounced(payload ?? '');
  });
  client.on('error', fail);
  client.on('end', () => lose('the connection was ended'));
  connect().catch(fail);

  return {
    end: async () => {
      over = true;
      clearTimeout(timer);
      await sayFarewell(client);
    },
  };
}

async function sayFarewell(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), FAREWELL_MS);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}
