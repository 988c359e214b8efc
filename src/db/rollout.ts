import type { Listeners } from '../domain/rollout.ts';
import type { Reader } from './client.ts';
import { NODE_SILENT } from './stream-subscribers.ts';

/** What a promotion moved, and the end of its commit. */
export interface PromotionPlace {
  readonly promotionId: string;
  readonly channel: string;
  /** As the prompt is called now. */
  readonly slug: string;
  readonly seq: bigint;
}

/** By promotion; one that is not there is absent. */
export async function loadPlaces(
  reader: Reader,
  workspaceId: string,
  promotionIds: readonly string[],
): Promise<Map<string, PromotionPlace>> {
  // The slug by a look-up for each: for a page of promotions a join was planned through all prompts of the installation.
  const rows = await reader.$queryRaw<PromotionPlace[]>`
    SELECT pr.id::text AS "promotionId", c.name AS channel, last.seq,
      (SELECT slug FROM "prompt" WHERE workspace_id = pr.workspace_id AND id = pr.prompt_id) AS slug
    FROM "promotion" pr
    JOIN "channel" c ON c.workspace_id = pr.workspace_id AND c.id = pr.channel_id
    JOIN "event" e ON e.workspace_id = pr.workspace_id AND e.promotion_id = pr.id
    CROSS JOIN LATERAL (
      SELECT seq FROM "event" WHERE workspace_id = pr.workspace_id AND commit_seq = e.commit_seq ORDER BY seq DESC LIMIT 1
    ) AS last
    WHERE pr.workspace_id = ${workspaceId}::uuid AND pr.id = ANY(${[...promotionIds]}::uuid[])`;
  return new Map(rows.map((row) => [row.promotionId, row]));
}

/** Everything that the commit of a promotion moved on its channel. */
export async function placesOfCommit(
  reader: Reader,
  workspaceId: string,
  promotionId: string,
): Promise<PromotionPlace[]> {
  const events = await reader.$queryRaw<{ promotionId: string }[]>`
    SELECT other.promotion_id::text AS "promotionId"
    FROM "event" e
    JOIN "event" other ON other.workspace_id = e.workspace_id AND other.commit_seq = e.commit_seq AND other.promotion_id IS NOT NULL
    WHERE e.workspace_id = ${workspaceId}::uuid AND e.promotion_id = ${promotionId}::uuid`;
  const ids = events.map((event) => event.promotionId);
  const places = await loadPlaces(reader, workspaceId, ids);
  const channel = places.get(promotionId)?.channel;
  return [...places.values()].filter((place) => place.channel === channel);
}

/**
 * Who listens to these channels now, on every node that was heard of lately, and how far each is: in groups, of which there are few however
 * many listen. An instance that is listed twice, because it came back to another node, counts once.
 */
export async function loadListeners(
  reader: Reader,
  workspaceId: string,
  channels: readonly string[],
): Promise<Map<string, Listeners[]>> {
  const rows = await reader.$queryRaw<(Omit<Listeners, 'prompts'> & Row)[]>`
    SELECT who.channel, who.prompts, a.seq, count(who.instance)::int AS instances,
      coalesce(sum(who.streams) FILTER (WHERE who.instance IS NULL), 0)::int AS silent
    FROM (
      SELECT s.channel, s.prompts::text AS prompts, s.actor_id COLLATE "C" AS actor_id, s.instance, count(*) AS streams
      FROM "stream_node" n
      JOIN "stream_subscriber" s ON s.workspace_id = n.workspace_id AND s.node_id = n.node_id
      WHERE n.workspace_id = ${workspaceId}::uuid AND n.seen_at > now() - ${NODE_SILENT}::interval AND s.channel = ANY(${[...channels]}::text[])
      GROUP BY 1, 2, 3, 4
    ) AS who
    LEFT JOIN "applied_cursor" a
      ON a.workspace_id = ${workspaceId}::uuid AND a.actor_id = who.actor_id AND a.channel = who.channel AND a.instance = who.instance
    GROUP BY who.channel, who.prompts, a.seq`;
  const listeners = new Map<string, Listeners[]>(channels.map((channel) => [channel, []]));
  for (const { channel, prompts, ...counts } of rows)
    listeners.get(channel)?.push({ ...counts, prompts: parsePrompts(prompts) });
  return listeners;
}

interface Row {
  readonly channel: string;
  readonly prompts: string | null;
}

function parsePrompts(prompts: string | null): string[] | null {
  return prompts === null ? null : (JSON.parse(prompts) as string[]);
}
