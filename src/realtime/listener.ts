import type pg from 'pg';
import type { Database } from '../db/client.ts';
import type { FeedLog } from './feed-types.ts';

const RECONNECT_MS = 1_000;

export interface Listener {
  start(): void;
  listening(): boolean;
  stop(): Promise<void>;
}

export interface ListenerOptions {
  readonly onAnnounced: (workspaceId: string) => void;
  /** Announcements may have been missed: at every loss of the connection, and when there is a new one. */
  readonly onGap: () => void;
  readonly log: FeedLog;
}

/** A connection of its own that LISTENs for announced commits, made anew whenever it is lost. */
export function createListener(database: Database, { onAnnounced, onGap, log }: ListenerOptions): Listener {
  /** Connecting or connected. */
  let current: pg.Client | null = null;
  let listening = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const client = database.newConnection();
    current = client;
    client.on('notification', ({ payload }) => onAnnounced(payload ?? ''));
    client.on('error', () => lost(client));
    client.on('end', () => lost(client));
    try {
      await client.connect();
      await client.query('LISTEN promptforge');
    } catch {
      lost(client);
    }
    if (current !== client) return;
    listening = true;
    onGap();
  }

  function lost(client: pg.Client): void {
    if (current !== client) return;
    current = null;
    void end(client);
    if (stopped) return;
    if (listening) {
      listening = false;
      log.warn({}, 'the listening connection was lost: polling until it is back');
      onGap();
    }
    timer = setTimeout(() => void connect(), RECONNECT_MS);
    timer.unref();
  }

  return {
    start: () => void connect(),
    listening: () => listening,
    stop: async () => {
      stopped = true;
      listening = false;
      clearTimeout(timer);
      const client = current;
      current = null;
      if (client !== null) await end(client);
    },
  };
}

async function end(client: pg.Client): Promise<void> {
  await client.end().catch(() => undefined);
}
