import type { Actor } from '../domain/actor.ts';
import type { PrismaClient } from './generated/prisma/client.ts';

const MINUTES_KEPT = '2 days';
const LIFETIME = '90 days';
/** Few enough for one statement to end well before its timeout. */
const BATCH = 5_000;

/** How often one actor fetched and was pushed one version on one channel within one minute. */
export interface UsageCount {
  readonly workspaceId: string;
  readonly promptId: string;
  readonly version: number;
  /** Null: it was asked for by number. */
  readonly channel: string | null;
  readonly actorId: string;
  readonly actorKind: Actor['kind'];
  readonly actorName: string;
  /** In whole minutes since 1970. */
  readonly minute: number;
  readonly fetched: number;
  readonly pushed: number;
}

/**
 * Adds the counts to what is stored, in one statement; those of a workspace that is gone are left out, and one that is being deleted is waited for. No two of them may be of the same minute, actor, version and channel.
 * Nodes add to the same rows at the same time: all lock them in the order of the key, so none waits for another in a circle.
 */
export async function addUsage(writer: PrismaClient, counts: readonly UsageCount[]): Promise<void> {
  if (counts.length === 0) return;
  const column = <T>(of: (count: UsageCount) => T): T[] => counts.map(of);
  await writer.$executeRaw`
    WITH standing AS (
      SELECT id FROM "workspace" WHERE id = ANY(${[...new Set(column((count) => count.workspaceId))]}::uuid[]) ORDER BY id FOR KEY SHARE
    )
    INSERT INTO "version_usage" AS stored
      (workspace_id, prompt_id, version, minute, channel, actor_id, actor_kind, actor_name, fetched, pushed)
    SELECT c.workspace_id, c.prompt_id, c.version, to_timestamp(c.minute * 60), c.channel, c.actor_id, c.actor_kind::actor_kind, c.actor_name,
      c.fetched, c.pushed
    FROM unnest(
      ${column((count) => count.workspaceId)}::uuid[],
      ${column((count) => count.promptId)}::uuid[],
      ${column((count) => count.version)}::int[],
      ${column((count) => count.minute)}::bigint[],
      ${column((count) => count.channel ?? '')}::text[],
      ${column((count) => count.actorId)}::text[],
      ${column((count) => count.actorKind)}::text[],
      ${column((count) => count.actorName)}::text[],
      ${column((count) => count.fetched)}::bigint[],
      ${column((count) => count.pushed)}::bigint[]
    ) AS c(workspace_id, prompt_id, version, minute, channel, actor_id, actor_kind, actor_name, fetched, pushed)
    JOIN standing ON standing.id = c.workspace_id
    ORDER BY 1, 2, 3, 4, c.channel COLLATE "C", c.actor_id COLLATE "C"
    ON CONFLICT (workspace_id, prompt_id, version, minute, channel, actor_id) DO UPDATE
      SET fetched = stored.fetched + excluded.fetched, pushed = stored.pushed + excluded.pushed, actor_name = excluded.actor_name`;
}

/**
 * Folds minutes that are two days old into hours, a batch at a time: a quarter of minutes would be too many rows to sum up while somebody
 * waits. What is counted for such a minute later, by a node that was cut off, is folded in the next time. @returns how many rows.
 */
export async function foldUsage(writer: PrismaClient): Promise<number> {
  return inBatches(async () => {
    const [row] = await writer.$queryRaw<{ folded: number }[]>`
      WITH minutes AS (
        DELETE FROM "version_usage" WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM "version_usage" WHERE minute AT TIME ZONE 'UTC' < date_trunc('hour', (now() - ${MINUTES_KEPT}::interval) AT TIME ZONE 'UTC')
          ORDER BY minute AT TIME ZONE 'UTC' LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
        ))
        RETURNING *
      ), hours AS (
        INSERT INTO "version_usage_hour" AS stored
          (workspace_id, prompt_id, version, hour, channel, actor_id, actor_kind, actor_name, fetched, pushed)
        SELECT workspace_id, prompt_id, version, date_trunc('hour', minute), channel, actor_id, min(actor_kind),
          (array_agg(actor_name ORDER BY minute DESC))[1], sum(fetched), sum(pushed)
        FROM minutes GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (workspace_id, prompt_id, version, hour, channel, actor_id) DO UPDATE
          SET fetched = stored.fetched + excluded.fetched, pushed = stored.pushed + excluded.pushed, actor_name = excluded.actor_name
      )
      SELECT count(*)::int AS folded FROM minutes`;
    return row?.folded ?? 0;
  });
}

/** Forgets hours past their lifetime, a batch at a time. @returns how many rows. */
export async function purgeUsage(writer: PrismaClient): Promise<number> {
  return inBatches(
    () => writer.$executeRaw`
      DELETE FROM "version_usage_hour" WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM "version_usage_hour" WHERE hour AT TIME ZONE 'UTC' < (now() - ${LIFETIME}::interval) AT TIME ZONE 'UTC'
        ORDER BY hour AT TIME ZONE 'UTC' LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
      ))`,
  );
}

/** Until a batch is not full any more. @returns the rows of all. */
async function inBatches(batch: () => Promise<number>): Promise<number> {
  for (let total = 0; ;) {
    const rows = await batch();
    total += rows;
    if (rows < BATCH) return total;
  }
}
