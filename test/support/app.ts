import { v7 } from 'uuid';
import { expect } from 'vitest';
import { createApp } from '../../src/actions/app.ts';
import type { App } from '../../src/actions/app.ts';
import { openDatabase } from '../../src/db/client.ts';
import type { Reader } from '../../src/db/client.ts';
import type { ActionDeps, Commit } from '../../src/db/transaction.ts';
import type { Actor } from '../../src/domain/actor.ts';
import type { Role } from '../../src/domain/actor-role.ts';
import { Unavailable } from '../../src/domain/errors.ts';
import { actorWith } from './actors.ts';
import { createTestDatabase } from './database.ts';
import type { TestDatabase } from './database.ts';

/** The actions on a database of their own, wired as the server wires them; who waits for commits is a list here. */
export interface TestApp extends App {
  readonly database: TestDatabase;
  /** Reads as the schema does, past the actions. */
  readonly rows: Reader;
  readonly admin: Actor;
  readonly reader: Actor;
  /** Another admin of the same workspace. */
  readonly colleague: Actor;
  readonly commits: Commit[];
  readonly statements: string[];
  /** Every table's number of rows and a digest of what they hold: equal means that nothing was changed. */
  state(): Promise<Record<string, string>>;
  /** The event log in order, payloads parsed. */
  events(options?: { readonly after?: number }): Promise<LoggedEvent[]>;
  head(): Promise<number>;
  close(): Promise<void>;
}

interface LoggedEvent {
  readonly seq: number;
  readonly commitSeq: number;
  readonly type: string;
  readonly promptId: string | null;
  readonly promotionId: string | null;
  readonly actorName: string;
  readonly payload: Record<string, unknown>;
}

export async function createTestApp(
  overrides: Partial<Pick<ActionDeps, 'clock' | 'onAttemptRefused'>> = {},
): Promise<TestApp> {
  const database = await createTestDatabase();
  const statements: string[] = [];
  const commits: Commit[] = [];
  const opened = openDatabase({
    address: { connectionString: database.url },
    onIdleError: () => undefined,
    onQuery: (sql) => statements.push(sql),
  });
  const onCommit = async (commit: Commit) => void commits.push(commit);
  const app = createApp({
    writer: opened.writer,
    onCommit,
    clock: () => new Date(),
    newId: () => v7(),
    ...overrides,
  });
  const { id: workspaceId } = await app.ensureWorkspace({ slug: 'default', name: 'Default' });
  const actor = (name: string, role: Role): Actor => actorWith({ workspaceId, name, role });
  return {
    ...app,
    database,
    rows: opened.reader,
    admin: actor('ada', 'ADMIN'),
    colleague: actor('grace', 'ADMIN'),
    reader: actor('reader', 'VIEWER'),
    commits,
    statements,
    state: () => stateOf(database),
    events: (options) => eventsOf(database, workspaceId, options?.after ?? 0),
    head: async () =>
      Number((await opened.reader.eventCounter.findUniqueOrThrow({ where: { workspaceId } })).seq),
    close: async () => {
      await opened.close();
      await database.drop();
    },
  };
}

/**
 * Expects that the attempt is refused with this class and leaves no trace: every table, the event log and its counter included, holds
 * the same rows as before.
 */
export async function expectRefusal<Kind extends Error>(
  world: TestApp,
  kind: new (...args: never[]) => Kind,
  attempt: () => Promise<unknown>,
): Promise<Kind> {
  const before = await world.state();
  const commits = world.commits.length;
  const outcome: unknown = await attempt().then(
    () => 'it was not refused',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(kind);
  expect(await world.state()).toEqual(before);
  expect(world.commits).toHaveLength(commits);
  return outcome as Kind;
}

/** As a client does it with an idempotency key: what is unavailable, on a busy machine by queueing alone, is tried again. */
export async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Unavailable) || tries === 10) throw error;
    }
  }
}

/** Runs all at once; what was refused, in any order. */
export async function refusedOf(attempts: readonly Promise<unknown>[]): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(attempts);
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
}

async function stateOf(database: TestDatabase): Promise<Record<string, string>> {
  const tables = await database.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY 1`,
  );
  const parts = tables.map(
    ({ name }) =>
      `SELECT '${name}' AS name, count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS digest FROM "${name}" t`,
  );
  const rows = await database.query<{ name: string; digest: string }>(parts.join(' UNION ALL '));
  return Object.fromEntries(rows.map(({ name, digest }) => [name, digest]));
}

async function eventsOf(database: TestDatabase, workspaceId: string, after: number): Promise<LoggedEvent[]> {
  const rows = await database.query<Omit<LoggedEvent, 'payload'> & { payload: string }>(
    `SELECT seq::int, commit_seq::int AS "commitSeq", type, prompt_id AS "promptId", promotion_id AS "promotionId",
            actor_name AS "actorName", payload
     FROM "event" WHERE workspace_id = $1 AND seq > $2 ORDER BY seq`,
    [workspaceId, after],
  );
  return rows.map((row) => ({ ...row, payload: JSON.parse(row.payload) as Record<string, unknown> }));
}
