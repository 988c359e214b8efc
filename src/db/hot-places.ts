import type { PrismaClient } from './generated/prisma/client.ts';

/** Before the newest minute that was counted: how long an installation was down does not matter. */
const RECENT = '15 minutes';
/** So few counts are summed up, the newest: the statement must not take long, however many keys fetch how much. */
const COUNTS_MAX = 200_000;

/** What channels serve and was fetched lately. */
export interface HotPlace {
  readonly workspaceId: string;
  readonly slug: string;
  readonly channel: string;
  /** About how large the content is. */
  readonly bytes: number;
}

/** What was fetched most, of all nodes, the hottest first. It is read from the counts of usage: nobody has to write down what is hot. */
export async function readHotPlaces(reader: PrismaClient, limit: number): Promise<HotPlace[]> {
  return reader.$queryRaw<HotPlace[]>`
    WITH newest AS (
      SELECT minute AT TIME ZONE 'UTC' AS minute FROM "version_usage" ORDER BY minute AT TIME ZONE 'UTC' DESC LIMIT 1
    ), recent AS (
      SELECT workspace_id, prompt_id, channel, fetched FROM "version_usage"
      WHERE minute AT TIME ZONE 'UTC' > (SELECT minute FROM newest) - ${RECENT}::interval
      ORDER BY minute AT TIME ZONE 'UTC' DESC LIMIT ${COUNTS_MAX}
    ), hot AS (
      SELECT workspace_id, prompt_id, channel, sum(fetched) AS fetched FROM recent
      WHERE fetched > 0 AND channel <> '' GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT ${limit}
    )
    SELECT hot.workspace_id::text AS "workspaceId", p.slug, c.name AS channel,
      coalesce(octet_length(v.template), octet_length(v.messages::text), 0) + coalesce(octet_length(v.config::text), 0) + octet_length(v.variables::text) AS bytes
    FROM hot
    JOIN "prompt" p ON p.workspace_id = hot.workspace_id AND p.id = hot.prompt_id
    JOIN "channel" c ON c.workspace_id = hot.workspace_id AND c.name = hot.channel
    JOIN "channel_pointer" cp ON cp.workspace_id = hot.workspace_id AND cp.channel_id = c.id AND cp.prompt_id = p.id
    JOIN "prompt_version" v ON v.workspace_id = hot.workspace_id AND v.id = cp.version_id
    ORDER BY hot.fetched DESC`;
}
