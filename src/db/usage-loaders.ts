import DataLoader from 'dataloader';
import type { Actor } from '../domain/actor.ts';
import type { UsagePeriod } from '../domain/usage.ts';
import type { Reader } from './client.ts';
import { Prisma } from './generated/prisma/client.ts';

/** Whole numbers: as floating-point they are exact up to 2^53, and a 32-bit integer is too small for the fetches of a busy quarter. */
export interface UsageSum {
  readonly fetched: number;
  readonly pushed: number;
}

export interface UsagePoint extends UsageSum {
  readonly at: Date;
  readonly number: number;
}

export interface Consumer extends UsageSum {
  readonly actor: Pick<Actor, 'kind' | 'name'>;
  readonly channel: string | null;
  readonly lastUsedAt: Date;
}

// Types, not interfaces: createLoaders answers with these loaders, and only a type can be written out where its name is not known.
type VersionKey = { readonly promptId: string; readonly number: number };
type VersionUsageKey = VersionKey & UsagePeriod;
type PromptUsageKey = UsagePeriod & {
  readonly promptId: string;
  readonly stepSeconds: number;
  readonly limit: number;
};
type ConsumersKey = VersionKey & { readonly fromSeconds: number; readonly limit: number };

/**
 * The counts of one version from one second up to another: minutes, and of what is older than two days the hours that they were folded
 * into, as a whole where the period cuts into one. The names are those of the statement around it.
 */
function countsOf(workspaceId: string, version: Prisma.Sql, toSeconds = Prisma.sql`asked.to_s`) {
  const ofVersion = Prisma.sql`workspace_id = ${workspaceId}::uuid AND prompt_id = asked.prompt_id AND version = ${version}`;
  return Prisma.sql`(
      SELECT minute, channel, actor_id, actor_kind, actor_name, fetched, pushed FROM "version_usage"
      WHERE ${ofVersion} AND minute >= to_timestamp(asked.from_s) AND minute < to_timestamp(${toSeconds})
      UNION ALL
      SELECT hour, channel, actor_id, actor_kind, actor_name, fetched, pushed FROM "version_usage_hour"
      WHERE ${ofVersion} AND hour >= to_timestamp(asked.from_s / 3600 * 3600) AND hour < to_timestamp(${toSeconds})
    )`;
}

/** What is stored of the use of versions, one statement for all that a request asks of a kind. */
export function createUsageLoaders(reader: Reader, workspaceId: string) {
  const cacheKeyFn = (key: object) => JSON.stringify(key);
  return {
    /** How often one version was used in a period. */
    versionUsage: new DataLoader<VersionUsageKey, UsageSum, string>(
      (keys) => loadVersionUsage(reader, workspaceId, keys),
      { cacheKeyFn },
    ),
    /** How often each version of a prompt was used in each step of a period; at most `limit` points. */
    promptUsage: new DataLoader<PromptUsageKey, UsagePoint[], string>(
      (keys) => loadPromptUsage(reader, workspaceId, keys),
      { cacheKeyFn },
    ),
    /** Who used one version since a moment, those who did last first; at most `limit`. */
    consumers: new DataLoader<ConsumersKey, Consumer[], string>(
      (keys) => loadConsumers(reader, workspaceId, keys),
      { cacheKeyFn },
    ),
  };
}

async function loadVersionUsage(
  reader: Reader,
  workspaceId: string,
  keys: readonly VersionUsageKey[],
): Promise<UsageSum[]> {
  return reader.$queryRaw<UsageSum[]>`
    SELECT used.fetched, used.pushed
    FROM unnest(
      ${keys.map((key) => key.promptId)}::uuid[], ${keys.map((key) => key.number)}::int[],
      ${keys.map((key) => key.fromSeconds)}::bigint[], ${keys.map((key) => key.toSeconds)}::bigint[]
    ) WITH ORDINALITY AS asked(prompt_id, number, from_s, to_s, i)
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(fetched), 0)::float8 AS fetched, coalesce(sum(pushed), 0)::float8 AS pushed
      FROM ${countsOf(workspaceId, Prisma.sql`asked.number`)} AS u
    ) AS used
    ORDER BY asked.i`;
}

// The rows of a prompt are kept version by version: each version's are looked up for themselves, so that the period narrows all of them.
async function loadPromptUsage(
  reader: Reader,
  workspaceId: string,
  keys: readonly PromptUsageKey[],
): Promise<UsagePoint[][]> {
  const rows = await reader.$queryRaw<(UsagePoint & { i: number })[]>`
    SELECT asked.i::int, used.at, used.number, used.fetched, used.pushed
    FROM unnest(
      ${keys.map((key) => key.promptId)}::uuid[], ${keys.map((key) => key.fromSeconds)}::bigint[],
      ${keys.map((key) => key.toSeconds)}::bigint[], ${keys.map((key) => key.stepSeconds)}::int[], ${keys.map((key) => key.limit)}::int[]
    ) WITH ORDINALITY AS asked(prompt_id, from_s, to_s, step_s, size, i)
    JOIN "prompt" p ON p.workspace_id = ${workspaceId}::uuid AND p.id = asked.prompt_id
    CROSS JOIN LATERAL (
      SELECT step.at, v.number, step.fetched, step.pushed
      FROM generate_series(1, p.latest_number) AS v(number)
      CROSS JOIN LATERAL (
        SELECT date_bin(make_interval(secs => asked.step_s), u.minute, to_timestamp(0)) AS at, sum(u.fetched)::float8 AS fetched, sum(u.pushed)::float8 AS pushed
        FROM ${countsOf(workspaceId, Prisma.sql`v.number`)} AS u
        GROUP BY 1
      ) AS step
      ORDER BY 1, 2
      LIMIT asked.size
    ) AS used
    ORDER BY asked.i, used.at, used.number`;
  const points = keys.map((): UsagePoint[] => []);
  for (const { i, at, number, fetched, pushed } of rows) points[i - 1]?.push({ at, number, fetched, pushed });
  return points;
}

interface ConsumerRow extends UsageSum {
  readonly i: number;
  readonly kind: Actor['kind'];
  readonly name: string;
  readonly channel: string;
  readonly lastUsedAt: Date;
}

async function loadConsumers(
  reader: Reader,
  workspaceId: string,
  keys: readonly ConsumersKey[],
): Promise<Consumer[][]> {
  const rows = await reader.$queryRaw<ConsumerRow[]>`
    SELECT asked.i::int, used.kind, used.name, used.channel, used."lastUsedAt", used.fetched, used.pushed
    FROM unnest(
      ${keys.map((key) => key.promptId)}::uuid[], ${keys.map((key) => key.number)}::int[],
      ${keys.map((key) => key.fromSeconds)}::bigint[], ${keys.map((key) => key.limit)}::int[]
    ) WITH ORDINALITY AS asked(prompt_id, number, from_s, size, i)
    CROSS JOIN LATERAL (
      SELECT u.actor_id, u.channel, min(u.actor_kind)::text AS kind, (array_agg(u.actor_name ORDER BY u.minute DESC))[1] AS name,
        max(u.minute) AS "lastUsedAt", sum(u.fetched)::float8 AS fetched, sum(u.pushed)::float8 AS pushed
      FROM ${countsOf(workspaceId, Prisma.sql`asked.number`, Prisma.sql`'infinity'`)} AS u
      GROUP BY u.actor_id, u.channel
      ORDER BY max(u.minute) DESC, u.actor_id, u.channel
      LIMIT asked.size
    ) AS used
    ORDER BY asked.i, used."lastUsedAt" DESC, used.actor_id, used.channel`;
  const consumers = keys.map((): Consumer[] => []);
  for (const { i, kind, name, channel, lastUsedAt, fetched, pushed } of rows) {
    const actor = { kind, name };
    consumers[i - 1]?.push({ actor, channel: channel === '' ? null : channel, lastUsedAt, fetched, pushed });
  }
  return consumers;
}
