import type { Actor } from '../domain/actor.ts';
import type { NewEvent } from '../domain/event.ts';
import type { PrismaClient } from './generated/prisma/client.ts';
import type { SqlTx } from './sql-tx.ts';

export interface StoredEvent {
  readonly seq: bigint;
  readonly commitSeq: bigint;
  readonly type: string;
  readonly promptId: string | null;
  readonly promotionId: string | null;
  /** The database's clock, in microseconds since 1970. */
  readonly atMicros: bigint;
  readonly payload: string;
  readonly prevHash: Uint8Array;
  readonly hash: Uint8Array;
}

/** Where a workspace's log ends. */
export interface LogHead {
  readonly seq: bigint;
  readonly hash: Uint8Array;
}

/**
 * Writes the events of a transaction, all in one statement and last: each insert locks the workspace's counter row until the commit, so
 * whatever is locked or written after it would queue every other writer behind it (measured: 5 commits a second instead of 400).
 * @returns the end of the commit that they make.
 */
export async function appendEvents(
  tx: SqlTx,
  { workspaceId, kind, id, name, origin }: Actor,
  events: readonly NewEvent[],
): Promise<LogHead> {
  const parts = events.map(({ payload: { type, ...facts } }) => ({ type, facts: JSON.stringify(facts) }));
  const rows = await tx.$queryRaw<LogHead[]>`
    INSERT INTO "event" (workspace_id, type, actor_kind, actor_id, actor_name, prompt_id, promotion_id, payload, source_address, user_agent, request_id)
    SELECT ${workspaceId}::uuid, e.type, ${kind}::text::actor_kind, ${id}::text, ${name}::text, e.prompt_id, e.promotion_id, e.payload,
      ${origin?.sourceAddress ?? null}::text, ${origin?.userAgent ?? null}::text, ${origin?.requestId ?? null}::text
    FROM unnest(
      ${parts.map(({ type }) => type)}::text[],
      ${events.map(({ promptId }) => promptId ?? null)}::uuid[],
      ${events.map(({ promotionId }) => promotionId ?? null)}::uuid[],
      ${parts.map(({ facts }) => facts)}::text[]
    ) WITH ORDINALITY AS e(type, prompt_id, promotion_id, payload, place)
    ORDER BY e.place
    RETURNING seq, hash`;
  return rows.reduce((last, row) => (row.seq > last.seq ? row : last));
}

/** Events after a sequence, oldest first, at most `limit`; the last commit of the page may be cut. */
export async function readEvents(
  reader: PrismaClient,
  workspaceId: string,
  after: bigint,
  limit: number,
): Promise<StoredEvent[]> {
  return reader.$queryRaw<StoredEvent[]>`
    SELECT seq, commit_seq AS "commitSeq", type, prompt_id::text AS "promptId", promotion_id::text AS "promotionId", at_micros AS "atMicros",
      payload, prev_hash AS "prevHash", hash
    FROM "event" WHERE workspace_id = ${workspaceId}::uuid AND seq > ${after} ORDER BY seq LIMIT ${limit}`;
}

/** Where the log of one workspace ends; waits for nobody who is writing to it. */
export async function getHead(tx: SqlTx, workspaceId: string): Promise<LogHead> {
  const [head] = await tx.$queryRaw<LogHead[]>`
    SELECT seq, hash FROM "event_counter" WHERE workspace_id = ${workspaceId}::uuid`;
  if (head === undefined) throw new Error(`workspace ${workspaceId} has no event counter`);
  return head;
}

/** The heads of the logs of all workspaces, by workspace id. */
export async function readHeads(reader: PrismaClient): Promise<Map<string, LogHead>> {
  const counters = await reader.eventCounter.findMany();
  return new Map(counters.map(({ workspaceId, seq, hash }) => [workspaceId, { seq, hash }]));
}

/** The hash of one event; null when the log holds no such sequence. */
export async function findHash(
  reader: PrismaClient,
  workspaceId: string,
  seq: bigint,
): Promise<Uint8Array | null> {
  const event = await reader.event.findUnique({
    where: { workspaceId_seq: { workspaceId, seq } },
    select: { hash: true },
  });
  return event?.hash ?? null;
}
