import { EMPTY_POSITION } from '../domain/promotion.ts';
import type { ChannelPosition } from '../domain/promotion.ts';
import { Prisma } from './generated/prisma/client.ts';
import { inOneTrip } from './sql-tx.ts';
import type { SqlTx } from './sql-tx.ts';

export interface PointerRow {
  readonly promptId: string;
  readonly id: string | null;
  readonly number: number | null;
  readonly baseId: string | null;
  readonly baseBelowId: string | null;
}

export type PositionOf = (promptId: string) => ChannelPosition;

/** Locks where the channel stands with each prompt, by prompt id. A prompt that the channel never held has no row: EMPTY_POSITION. */
export async function lockPositions(
  tx: SqlTx,
  workspaceId: string,
  channelId: string,
  promptIds: readonly string[],
): Promise<PositionOf> {
  const [, rows] = await inOneTrip<[unknown[], PointerRow[]]>(
    tx,
    lockingPointers(workspaceId, channelId, promptIds),
    lockedPointers(workspaceId, channelId, promptIds),
  );
  return positionsOf(rows);
}

export function lockingPointers(
  workspaceId: string,
  channelId: string,
  promptIds: readonly string[],
): Prisma.Sql {
  return Prisma.sql`
    SELECT 1 AS one FROM "channel_pointer"
    WHERE workspace_id = ${workspaceId}::uuid AND channel_id = ${channelId}::uuid AND prompt_id = ANY(${[...promptIds]}::uuid[])
    ORDER BY prompt_id
    FOR NO KEY UPDATE`;
}

/** Read after the locks were granted, in a statement of its own. */
export function lockedPointers(
  workspaceId: string,
  channelId: string,
  promptIds: readonly string[],
): Prisma.Sql {
  return Prisma.sql`
    SELECT cp.prompt_id::text AS "promptId", v.id::text AS id, v.number, p.base_id::text AS "baseId", p.base_below_id::text AS "baseBelowId"
    FROM "channel_pointer" cp
    JOIN "promotion" p ON p.workspace_id = cp.workspace_id AND p.id = cp.promotion_id
    LEFT JOIN "prompt_version" v ON v.workspace_id = cp.workspace_id AND v.id = cp.version_id
    WHERE cp.workspace_id = ${workspaceId}::uuid AND cp.channel_id = ${channelId}::uuid AND cp.prompt_id = ANY(${[...promptIds]}::uuid[])`;
}

export function positionsOf(rows: readonly PointerRow[]): PositionOf {
  const positions = new Map<string, ChannelPosition>(
    rows.map(({ promptId, id, number, ...stack }) => [
      promptId,
      { serving: id === null || number === null ? null : { id, number }, ...stack },
    ]),
  );
  return (promptId) => positions.get(promptId) ?? EMPTY_POSITION;
}
