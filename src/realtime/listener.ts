import type { Database } from '../db/client.ts';
import type { FeedLog } from './feed-types.ts';
import { openListening } from './listening-connection.ts';
import type { ListeningConnection } from './listening-connection.ts';

const RECONNECT_MS = 1_000;
/** Behind a pooler the next connection is no better until somebody changes the configuration; on a machine that was overloaded it is. */
const DEAF_RETRY_MS = 15_000;

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

/** Keeps a connection of its own that LISTENs for announced commits, made anew whenever it is lost. */
export function createListener(database: Database, { onAnnounced, onGap, log }: ListenerOptions): Listener {
  let connection: ListeningConnection | null = null;
  let listening = false;
  /** What was told of it last, so that no state is told twice, however often a connection fails. */
  let told: 'nothing' | 'lost' | 'deaf' = 'nothing';
  let timer: NodeJS.Timeout | undefined;

  function open(): void {
    connection = openListening(database, { onListening, onAnnounced, onLost });
  }

  function onListening(): void {
    listening = true;
    if (told !== 'nothing') log.info({}, 'commits are announced to this node again');
    told = 'nothing';
    onGap();
  }

  function onLost(reason: string, { deaf }: { readonly deaf: boolean }): void {
    const wasListening = listening;
    listening = false;
    if (deaf && told !== 'deaf') log.warn({}, DEAF);
    if (!deaf && told === 'nothing') log.warn({ reason }, LOST);
    told = deaf || told === 'deaf' ? 'deaf' : 'lost';
    if (wasListening) onGap();
    timer = setTimeout(open, deaf ? DEAF_RETRY_MS : RECONNECT_MS);
    timer.unref();
  }

  return {
    start: open,
    listening: () => listening,
    stop: async () => {
      listening = false;
      clearTimeout(timer);
      await connection?.end();
    },
  };
}

const LOST = 'no listening connection: polling every second until there is one';
const DEAF =
  'commits are not announced to this node, as behind a pooler that lends connections by the transaction: polling every second; give DATABASE_URL a direct address';
