import { onTestFinished } from 'vitest';
import type { Database } from '../../src/db/client.ts';
import type { StoredEvent } from '../../src/db/event-log.ts';
import { createFeed } from '../../src/realtime/feed.ts';
import type { Feed } from '../../src/realtime/feed.ts';
import type { FeedConsumer } from '../../src/realtime/feed-types.ts';
import type { TestDatabase } from '../support/database.ts';

export interface Recorder extends FeedConsumer {
  /** What was applied of a workspace, in order, since its last reset. */
  applied(workspaceId: string): StoredEvent[];
  readonly calls: readonly { readonly workspaceId: string; readonly events: readonly StoredEvent[] }[];
  readonly resets: readonly string[];
}

export function createRecorder(
  before: (events: readonly StoredEvent[]) => Promise<void> = async () => undefined,
): Recorder {
  const calls: { workspaceId: string; events: readonly StoredEvent[] }[] = [];
  const resets: string[] = [];
  const byWorkspace = new Map<string, StoredEvent[]>();
  return {
    calls,
    resets,
    applied: (workspaceId) => byWorkspace.get(workspaceId) ?? [],
    apply: async (workspaceId, events) => {
      await before(events);
      calls.push({ workspaceId, events });
      byWorkspace.set(workspaceId, [...(byWorkspace.get(workspaceId) ?? []), ...events]);
    },
    reset: async (workspaceId) => {
      resets.push(workspaceId);
      byWorkspace.delete(workspaceId);
    },
  };
}

interface Line {
  readonly level: string;
  readonly message: string;
}

export interface RunningFeed {
  readonly feed: Feed;
  readonly lines: Line[];
}

/** A started feed, stopped when the test ends. */
export async function runFeed(database: Database, consumers: readonly FeedConsumer[]): Promise<RunningFeed> {
  const lines: Line[] = [];
  const note = (level: string) => (_fields: object, message: string) => void lines.push({ level, message });
  const feed = createFeed(database, consumers, {
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
  });
  onTestFinished(() => feed.stop());
  await feed.start();
  return { feed, lines };
}

/** Writes events past the application: as many commits as sizes. */
export async function writeCommits(
  database: TestDatabase,
  workspaceId: string,
  ...sizes: number[]
): Promise<void> {
  for (const size of sizes) {
    await database.query(
      `INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, payload)
       SELECT $1, 'Tested', 'SYSTEM', 'x', 'x', '{}' FROM generate_series(1, $2)`,
      [workspaceId, size],
    );
  }
}

/** Ends every connection that LISTENs on this database. @returns how many there were. */
export async function cutListeners(database: TestDatabase): Promise<number> {
  const rows = await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'promptforge:feed'`,
  );
  return rows.length;
}

export async function countListeners(database: TestDatabase): Promise<number> {
  const rows = await database.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'promptforge:feed'`,
  );
  return rows.length;
}
