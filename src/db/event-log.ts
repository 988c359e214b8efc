import type { Actor } from '../domain/actor.ts';
import type { NewEvent } from '../domain/event.ts';
import type { Prisma, PrismaClient } from './generated/prisma/client.ts';

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

const STORED_EVENT = {
  seq: true,
  commitSeq: true,
  type: true,
  promptId: true,
  promotionId: true,
  atMicros: true,
  payload: true,
  prevHash: true,
  hash: true,
} as const;

const NOWHERE = { sourceAddress: null, userAgent: null, requestId: null };

/**
 * Writes the events of a transaction, all in one statement and last: each insert locks the workspace's counter row until the commit, so
 * whatever is locked or written after it would queue every other writer behind it (measured: 5 commits a second instead of 400).
 * @returns the end of the commit that they make.
 */
export async function appendEvents(
  tx: Prisma.TransactionClient,
  actor: Actor,
  events: readonly NewEvent[],
): Promise<LogHead> {
  const rows = await tx.event.createManyAndReturn({
    data: events.map(({ payload: { type, ...facts }, promptId, promotionId }) => ({
      workspaceId: actor.workspaceId,
      type,
      actorKind: actor.kind,
      actorId: actor.id,
      actorName: actor.name,
      promptId: promptId ?? null,
      promotionId: promotionId ?? null,
      payload: JSON.stringify(facts),
      ...(actor.origin ?? NOWHERE),
    })),
    select: { seq: true, hash: true },
  });
  return rows.reduce((last, row) => (row.seq > last.seq ? row : last));
}

/** Events after a sequence, oldest first, at most `limit`; the last commit of the page may be cut. */
export async function readEvents(
  reader: PrismaClient,
  workspaceId: string,
  after: bigint,
  limit: number,
): Promise<StoredEvent[]> {
  return reader.event.findMany({
    where: { workspaceId, seq: { gt: after } },
    orderBy: { seq: 'asc' },
    take: limit,
    select: STORED_EVENT,
  });
}

/** Where the log of one workspace ends; waits for nobody who is writing to it. */
export async function getHead(tx: Prisma.TransactionClient, workspaceId: string): Promise<LogHead> {
  return tx.eventCounter.findUniqueOrThrow({ where: { workspaceId }, select: { seq: true, hash: true } });
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
