import type { PrismaClient } from './generated/prisma/client.ts';

/** Sequences: from the first one, up to the second but not itself. Null: no bound. */
export interface SeqRange {
  readonly from: bigint | null;
  readonly before: bigint | null;
}

/**
 * Which events of a log are of a time: its clock never goes back, so they are neighbours. By time alone the database would walk the whole log
 * to them, because it reads in the order of the sequences.
 */
export async function seqsOfTime(
  reader: PrismaClient,
  workspaceId: string,
  { since, until }: { readonly since: Date | null; readonly until: Date | null },
): Promise<SeqRange> {
  if (since === null && until === null) return { from: null, before: null };
  const [row] = await reader.$queryRaw<[{ since: bigint | null; until: bigint | null; next: bigint }]>`
    SELECT counter.seq + 1 AS next, since.seq AS since, until.seq AS until
    FROM "event_counter" counter
    LEFT JOIN LATERAL (
      SELECT seq FROM "event" WHERE workspace_id = counter.workspace_id AND at_micros >= ${micros(since)}::bigint ORDER BY at_micros, seq LIMIT 1
    ) AS since ON true
    LEFT JOIN LATERAL (
      SELECT seq FROM "event" WHERE workspace_id = counter.workspace_id AND at_micros >= ${micros(until)}::bigint ORDER BY at_micros, seq LIMIT 1
    ) AS until ON true
    WHERE counter.workspace_id = ${workspaceId}::uuid`;
  // Nothing is as young as the time: what comes next is.
  return { from: since === null ? null : (row.since ?? row.next), before: until === null ? null : row.until };
}

function micros(time: Date | null): bigint | null {
  return time === null ? null : BigInt(time.getTime()) * 1_000n;
}
