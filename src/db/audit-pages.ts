import { Prisma } from './generated/prisma/client.ts';
import type { PrismaClient } from './generated/prisma/client.ts';

/** Which events of a workspace: all conditions hold together. */
export interface AuditFilter {
  readonly types: readonly string[] | null;
  /** A prompt's id. */
  readonly promptId: string | null;
  readonly actor: string | null;
}

/** As JSON carries it: numbers are exact up to 2^53, which the clock in microseconds and a sequence stay below for centuries. */
export interface ExportedEvent {
  readonly seq: number;
  readonly commitSeq: number;
  readonly type: string;
  readonly actorKind: string;
  readonly actorId: string;
  readonly actorName: string;
  readonly atMicros: number;
  readonly promptId: string | null;
  readonly promotionId: string | null;
  readonly payload: string;
  readonly sourceAddress: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  readonly hashVersion: number;
  /** In hexadecimal. */
  readonly prevHash: string;
  readonly hash: string;
}

/**
 * The next events after a sequence up to another, oldest first: one short statement, so that no export holds the database's past. It answers
 * with one value: of columns and rows the client makes objects three times as slowly as JSON is parsed.
 */
export async function readAuditPage(
  reader: PrismaClient,
  workspaceId: string,
  filter: AuditFilter,
  page: { readonly after: bigint; readonly upTo: bigint; readonly limit: number },
): Promise<ExportedEvent[]> {
  const [row] = await reader.$queryRaw<{ page: string | null }[]>`
    SELECT json_agg(json_build_object(
      'seq', e.seq, 'commitSeq', e.commit_seq, 'type', e.type, 'actorKind', e.actor_kind, 'actorId', e.actor_id, 'actorName', e.actor_name,
      'atMicros', e.at_micros, 'promptId', e.prompt_id, 'promotionId', e.promotion_id, 'payload', e.payload,
      'sourceAddress', e.source_address, 'userAgent', e.user_agent, 'requestId', e.request_id, 'hashVersion', e.hash_version,
      'prevHash', encode(e.prev_hash, 'hex'), 'hash', encode(e.hash, 'hex')
    ) ORDER BY e.seq)::text AS page
    FROM (
      SELECT * FROM "event"
      WHERE workspace_id = ${workspaceId}::uuid AND seq > ${page.after} AND seq <= ${page.upTo}${conditions(filter)}
      ORDER BY seq LIMIT ${page.limit}
    ) AS e`;
  return row?.page === null || row === undefined ? [] : (JSON.parse(row.page) as ExportedEvent[]);
}

function conditions({ types, promptId, actor }: AuditFilter): Prisma.Sql {
  const all = [
    types === null ? null : Prisma.sql`type = ANY(${[...types]}::text[])`,
    promptId === null ? null : Prisma.sql`prompt_id = ${promptId}::uuid`,
    actor === null ? null : Prisma.sql`actor_name = ${actor}`,
  ].filter((condition) => condition !== null);
  return all.length === 0 ? Prisma.empty : Prisma.sql` AND ${Prisma.join(all, ' AND ')}`;
}

/** The id of the prompt that has the slug now; null: none has. */
export async function findPromptId(
  reader: PrismaClient,
  workspaceId: string,
  slug: string,
): Promise<string | null> {
  const where = { workspaceId_slug: { workspaceId, slug } };
  return (await reader.prompt.findUnique({ where, select: { id: true } }))?.id ?? null;
}
