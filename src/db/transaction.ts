import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../domain/clock.ts';
import { Refusal, Unavailable } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import type { NewId } from '../domain/ids.ts';
import type { AttemptedMove } from '../domain/promotion-attempts.ts';
import { preparedPoolOf } from './client.ts';
import { isRetryable, isUnavailable } from './database-errors.ts';
import { appendEvents } from './event-log.ts';
import type { LogHead } from './event-log.ts';
import type { Prisma, PrismaClient } from './generated/prisma/client.ts';
import { isMixedUp, withPreparedTx } from './prepared-transaction.ts';
import { allInOrder } from './sql-tx.ts';
import type { SqlTx } from './sql-tx.ts';

const ATTEMPTS_MAX = 3;

export type Tx = Prisma.TransactionClient;

/** What an action's work hands back: its answer, and the events that make the commit. No event: nothing was changed. */
export interface Outcome<T> {
  readonly answer: T;
  readonly events: readonly NewEvent[];
  /** Of an answer that was given before: an end of the log that has the commit behind it. */
  readonly repeatedBefore?: LogHead;
  /** What operators do to a workspace stands in its own log too, which is written before theirs: the log that all of them write is locked last. */
  readonly elsewhere?: { readonly workspaceId: string; readonly events: readonly NewEvent[] };
}

/** The end of a commit that was acknowledged by the database. */
export interface Commit extends LogHead {
  readonly workspaceId: string;
}

/** What every action needs: where to write, who waits for the commit, and the sources of time and ids. */
export interface ActionDeps {
  readonly writer: PrismaClient;
  /**
   * Resolves when this node serves what the commit changed (bounded by its implementation; never rejects). Called for a repetition too:
   * another node may have taken the first call.
   */
  readonly onCommit: (commit: Commit) => Promise<void>;
  /** Told of the failure behind an Unavailable, whose caller learns nothing of it. */
  readonly onUnavailable?: (cause: unknown) => void;
  /** Told of refused attempts to move a channel, with all that the call would have moved; absent: nobody keeps them. */
  readonly onAttemptRefused?: (actor: Actor, moves: readonly AttemptedMove[], error: unknown) => void;
  readonly clock: Clock;
  readonly newId: NewId;
}

/**
 * Runs an action's work in one transaction, writes its events last and waits until this node serves the commit.
 * Deadlocks and serialisation failures are run again, at most twice; so is what `raced` recognises: "somebody else was faster, look
 * again", such as a unique key that was taken between check and insert. `timeoutMs`: for work that may take longer than a transaction does.
 * @throws Refusal as the work threw it; Unavailable when the database could not be reached or did not answer in time.
 */
export async function inTransaction<T>(
  deps: ActionDeps,
  actor: Actor,
  work: (tx: Tx) => Promise<Outcome<T>>,
  raced: (error: unknown) => boolean = () => false,
  timeoutMs?: number,
): Promise<T> {
  return untilDone(deps, () => runOnce(deps.writer, actor, work, timeoutMs), raced);
}

/** As inTransaction, for work that is SQL alone and is done often: without Prisma, and with as few round trips as there are decisions. */
export async function inSqlTransaction<T>(
  deps: ActionDeps,
  actor: Actor,
  work: (tx: SqlTx) => Promise<SqlOutcome<T>>,
): Promise<T> {
  return untilDone(deps, () => runPrepared(deps.writer, actor, work), isMixedUp);
}

export type SqlOutcome<T> = Omit<Outcome<T>, 'elsewhere'>;

interface Done<T> {
  readonly answer: T;
  readonly commits: readonly Commit[];
}

async function untilDone<T>(
  deps: ActionDeps,
  run: () => Promise<Done<T>>,
  raced: (error: unknown) => boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { answer, commits } = await run();
      // The database has acknowledged: from here on nothing may report the change as failed.
      for (const commit of commits) await deps.onCommit(commit);
      return answer;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (attempt < ATTEMPTS_MAX && (isRetryable(error) || raced(error))) continue;
      if (!isUnavailable(error) && !isRetryable(error)) throw error;
      deps.onUnavailable?.(error);
      throw new Unavailable();
    }
  }
}

/**
 * The events and the COMMIT are sent together, so that the workspace's counter row is not locked while this process is busy with something
 * else: whoever writes to the workspace waits for that row.
 */
async function runPrepared<T>(
  writer: PrismaClient,
  actor: Actor,
  work: (tx: SqlTx) => Promise<SqlOutcome<T>>,
): Promise<Done<T>> {
  return withPreparedTx(preparedPoolOf(writer), async (tx) => {
    const { answer, events, repeatedBefore } = await work(tx);
    const [end] = await allInOrder([commitOf(tx, actor, events, repeatedBefore), tx.commit()]);
    return { answer, commits: end === undefined ? [] : [end] };
  });
}

async function runOnce<T>(
  writer: PrismaClient,
  actor: Actor,
  work: (tx: Tx) => Promise<Outcome<T>>,
  timeoutMs: number | undefined,
) {
  return writer.$transaction(
    async (tx) => {
      const { answer, events, repeatedBefore, elsewhere } = await work(tx);
      const there = elsewhere && { ...actor, workspaceId: elsewhere.workspaceId };
      const commits = [
        there && (await commitOf(tx, there, elsewhere.events)),
        await commitOf(tx, actor, events, repeatedBefore),
      ];
      return { answer, commits: commits.flatMap((commit) => commit ?? []) };
    },
    timeoutMs === undefined ? {} : { timeout: timeoutMs },
  );
}

async function commitOf(
  tx: SqlTx,
  actor: Actor,
  events: readonly NewEvent[],
  repeatedBefore?: LogHead,
): Promise<Commit | undefined> {
  const end = events.length === 0 ? repeatedBefore : await appendEvents(tx, actor, events);
  return end && { workspaceId: actor.workspaceId, ...end };
}
