import { Prisma } from './generated/prisma/client.ts';
import type { SqlTx } from './sql-tx.ts';

interface Place {
  readonly workspaceId: string;
  readonly promptId: string;
  readonly channelId: string;
}

/** A promotion that a rollback goes back to. */
interface Promoted {
  readonly id: string;
  readonly baseBelowId: string | null;
  readonly version: { readonly id: string; readonly number: number };
}

interface Row {
  readonly id: string;
  readonly baseBelowId: string | null;
  readonly versionId: string;
  readonly number: number;
}

/** The promotion of that id, which the channel's stack names. */
export async function getPromotedThere(tx: SqlTx, place: Place, id: string): Promise<Promoted> {
  const promoted = await findPromoted(tx, place, Prisma.sql`p.id = ${id}::uuid`);
  if (promoted === null) throw new Error(`promotion ${id} is on the stack of a channel and is not there`);
  return promoted;
}

/** When the channel was promoted to that version last; null: never. */
export async function findLastPromoted(tx: SqlTx, place: Place, number: number): Promise<Promoted | null> {
  return findPromoted(tx, place, Prisma.sql`v.number = ${number}`);
}

async function findPromoted(
  tx: SqlTx,
  { workspaceId, promptId, channelId }: Place,
  which: Prisma.Sql,
): Promise<Promoted | null> {
  const [row] = await tx.$queryRaw<Row[]>`
    SELECT p.id::text AS id, p.base_below_id::text AS "baseBelowId", v.id::text AS "versionId", v.number
    FROM "promotion" p JOIN "prompt_version" v ON v.workspace_id = p.workspace_id AND v.id = p.version_id
    WHERE p.workspace_id = ${workspaceId}::uuid AND p.prompt_id = ${promptId}::uuid AND p.channel_id = ${channelId}::uuid
      AND p.kind = 'PROMOTION' AND ${which}
    ORDER BY p.ordinal DESC LIMIT 1`;
  if (row === undefined) return null;
  const { id, baseBelowId, versionId, number } = row;
  return { id, baseBelowId, version: { id: versionId, number } };
}
