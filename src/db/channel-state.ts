import type { LogHead } from './event-log.ts';
import type { PrismaClient } from './generated/prisma/client.ts';

/** One prompt that a channel serves: the promotion that put it there, and about how large its text is. */
export interface ServedPrompt {
  readonly slug: string;
  readonly promotionId: string;
  readonly contentBytes: number;
}

/** Everything that a channel serves, and the end of the log at that very moment: one statement sees one state. */
export interface ChannelState {
  readonly head: LogHead;
  readonly prompts: readonly ServedPrompt[];
}

/** What the channel serves of the whole workspace, by slug. */
export async function readChannelState(
  reader: PrismaClient,
  workspaceId: string,
  channel: string,
): Promise<ChannelState> {
  const rows = await reader.$queryRaw<
    { seq: bigint; hash: Uint8Array; slug: string | null; promotionId: string; contentBytes: number }[]
  >`
    SELECT counter.seq, counter.hash, served.slug, served.promotion_id::text AS "promotionId", served.content_bytes AS "contentBytes"
    FROM "event_counter" counter
    LEFT JOIN LATERAL (
      SELECT p.slug, cp.promotion_id, coalesce(octet_length(v.template), pg_column_size(v.messages), 0) AS content_bytes
      FROM "channel" c
      JOIN "channel_pointer" cp ON cp.workspace_id = c.workspace_id AND cp.channel_id = c.id AND cp.version_id IS NOT NULL
      JOIN "prompt" p ON p.workspace_id = cp.workspace_id AND p.id = cp.prompt_id
      JOIN "prompt_version" v ON v.workspace_id = cp.workspace_id AND v.id = cp.version_id
      WHERE c.workspace_id = counter.workspace_id AND c.name = ${channel}
    ) AS served ON true
    WHERE counter.workspace_id = ${workspaceId}::uuid
    ORDER BY served.slug`;
  const [first] = rows;
  if (first === undefined) throw new Error('the workspace has no event counter');
  const prompts = rows.flatMap(({ slug, promotionId, contentBytes }) =>
    slug === null ? [] : [{ slug, promotionId, contentBytes }],
  );
  return { head: { seq: first.seq, hash: first.hash }, prompts };
}

/** A channel that served a prompt at some moment: which version, and by which promotion. */
export interface ChannelOfPrompt {
  readonly channel: string;
  readonly version: number;
  readonly promotionId: string;
}

/** Which channels served the prompt right before an event of its workspace. */
export async function readChannelsOfPrompt(
  reader: PrismaClient,
  workspaceId: string,
  promptId: string,
  beforeSeq: bigint,
): Promise<ChannelOfPrompt[]> {
  return reader.$queryRaw<ChannelOfPrompt[]>`
    SELECT c.name AS channel, v.number AS version, last.id::text AS "promotionId"
    FROM "channel" c
    CROSS JOIN LATERAL (
      SELECT pr.id, pr.version_id
      FROM "promotion" pr
      JOIN "event" e ON e.workspace_id = pr.workspace_id AND e.promotion_id = pr.id
      WHERE pr.workspace_id = c.workspace_id AND pr.prompt_id = ${promptId}::uuid AND pr.channel_id = c.id AND e.seq < ${beforeSeq}
      ORDER BY pr.ordinal DESC LIMIT 1
    ) AS last
    JOIN "prompt_version" v ON v.workspace_id = c.workspace_id AND v.id = last.version_id
    WHERE c.workspace_id = ${workspaceId}::uuid
    ORDER BY c.name`;
}

/** Whether the workspace has a channel of this name. */
export async function hasChannel(reader: PrismaClient, workspaceId: string, name: string): Promise<boolean> {
  const where = { workspaceId_name: { workspaceId, name } };
  return (await reader.channel.findUnique({ where, select: { id: true } })) !== null;
}
