import type { JsonValue, Message, Variable } from '../domain/template.ts';
import { encodeFeedCursor } from '../domain/cursor.ts';
import { storedContent } from '../domain/version.ts';
import type { Content } from '../domain/version.ts';
import { Prisma } from './generated/prisma/client.ts';
import type { PrismaClient } from './generated/prisma/client.ts';

/** A version as it is delivered. `channel`, `promotedAt` and `cursor` are null when it was asked for by number. */
export interface ServedVersion {
  readonly promptId: string;
  readonly promptCreatedAt: Date;
  readonly slug: string;
  readonly versionId: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly content: Content;
  readonly contentHash: string;
  readonly channel: string | null;
  readonly promotedAt: Date | null;
  /** The commit boundary of the promotion that is served. */
  readonly cursor: string | null;
}

interface Row {
  promptId: string;
  promptCreatedAt: Date;
  slug: string;
  versionId: string;
  version: number;
  createdAt: Date;
  template: string | null;
  messages: readonly Message[] | null;
  config: JsonValue;
  variables: readonly Variable[];
  contentHash: string;
  channel: string | null;
  promotedAt: Date | null;
  seq: bigint | null;
  hash: Uint8Array | null;
}

/** What was read, and how far the log had got in the state that it was read from; null: the workspace is gone. One statement sees one state. */
export interface ServedAt {
  readonly readAt: bigint | null;
  readonly served: readonly ServedVersion[];
}

/** The row of the log's end comes also when nothing is served: without a prompt then. */
type TaggedRow = { readonly readAt: bigint } & (Row | { readonly promptId: null });

const CONTENT_COLUMNS = Prisma.sql`
  p.id::text AS "promptId", p.created_at AS "promptCreatedAt", p.slug, v.id::text AS "versionId", v.number AS version, v.created_at AS "createdAt", v.template, v.messages, v.config, v.variables, v.content_hash AS "contentHash"`;

/** What channels serve now under these slugs, in one statement; what they do not serve is absent. */
export async function loadServed(
  reader: PrismaClient,
  workspaceId: string,
  places: readonly { readonly channel: string; readonly slug: string }[],
): Promise<ServedAt> {
  const channels = places.map(({ channel }) => channel);
  const slugs = places.map(({ slug }) => slug);
  const rows = await reader.$queryRaw<TaggedRow[]>`
    SELECT counter.seq AS "readAt", served.*
    FROM "event_counter" counter
    LEFT JOIN LATERAL (
      SELECT ${CONTENT_COLUMNS}, c.name AS channel, cp.since AS "promotedAt", last.seq, last.hash
      FROM unnest(${channels}::text[], ${slugs}::text[]) AS asked(channel, slug)
      JOIN "prompt" p ON p.workspace_id = ${workspaceId}::uuid AND p.slug = asked.slug
      JOIN "channel" c ON c.workspace_id = p.workspace_id AND c.name = asked.channel
      JOIN "channel_pointer" cp ON cp.workspace_id = p.workspace_id AND cp.channel_id = c.id AND cp.prompt_id = p.id
      JOIN "prompt_version" v ON v.workspace_id = p.workspace_id AND v.id = cp.version_id
      JOIN "event" e ON e.workspace_id = p.workspace_id AND e.promotion_id = cp.promotion_id
      CROSS JOIN LATERAL (
        SELECT seq, hash FROM "event" WHERE workspace_id = p.workspace_id AND commit_seq = e.commit_seq ORDER BY seq DESC LIMIT 1
      ) AS last
    ) AS served ON true
    WHERE counter.workspace_id = ${workspaceId}::uuid`;
  return servedAt(rows);
}

/** One version by number, if there is such a one. */
export async function loadNumbered(
  reader: PrismaClient,
  workspaceId: string,
  slug: string,
  number: number,
): Promise<ServedAt> {
  const rows = await reader.$queryRaw<TaggedRow[]>`
    SELECT counter.seq AS "readAt", numbered.*
    FROM "event_counter" counter
    LEFT JOIN LATERAL (
      SELECT ${CONTENT_COLUMNS}, NULL::text AS channel, NULL::timestamptz AS "promotedAt", NULL::bigint AS seq, NULL::bytea AS hash
      FROM "prompt" p
      JOIN "prompt_version" v ON v.workspace_id = p.workspace_id AND v.prompt_id = p.id AND v.number = ${number}
      WHERE p.workspace_id = ${workspaceId}::uuid AND p.slug = ${slug}
    ) AS numbered ON true
    WHERE counter.workspace_id = ${workspaceId}::uuid`;
  return servedAt(rows);
}

/** The versions that these promotions put on their channels; what was promoted then, whatever the channels serve now. */
export async function loadPromoted(
  reader: PrismaClient,
  workspaceId: string,
  promotionIds: readonly string[],
): Promise<Map<string, ServedVersion>> {
  const rows = await reader.$queryRaw<(Row & { promotionId: string })[]>`
    SELECT ${CONTENT_COLUMNS}, c.name AS channel, pr.created_at AS "promotedAt", NULL::bigint AS seq, NULL::bytea AS hash, pr.id::text AS "promotionId"
    FROM "promotion" pr
    JOIN "prompt" p ON p.workspace_id = pr.workspace_id AND p.id = pr.prompt_id
    JOIN "channel" c ON c.workspace_id = pr.workspace_id AND c.id = pr.channel_id
    JOIN "prompt_version" v ON v.workspace_id = pr.workspace_id AND v.id = pr.version_id
    WHERE pr.workspace_id = ${workspaceId}::uuid AND pr.id = ANY(${[...promotionIds]}::uuid[])`;
  return new Map(rows.map((row) => [row.promotionId, servedVersion(row)]));
}

/** About how many bytes the content of each of these promotions' versions has: what to load at a time is decided by it. */
export async function sizesOfPromoted(
  reader: PrismaClient,
  workspaceId: string,
  promotionIds: readonly string[],
): Promise<Map<string, number>> {
  const rows = await reader.$queryRaw<{ promotionId: string; bytes: number }[]>`
    SELECT pr.id::text AS "promotionId",
      coalesce(octet_length(v.template), octet_length(v.messages::text), 0) + coalesce(octet_length(v.config::text), 0) + octet_length(v.variables::text) AS bytes
    FROM "promotion" pr
    JOIN "prompt_version" v ON v.workspace_id = pr.workspace_id AND v.id = pr.version_id
    WHERE pr.workspace_id = ${workspaceId}::uuid AND pr.id = ANY(${[...promotionIds]}::uuid[])`;
  return new Map(rows.map(({ promotionId, bytes }) => [promotionId, bytes]));
}

function servedAt(rows: readonly TaggedRow[]): ServedAt {
  const served = rows.flatMap((row) => (row.promptId === null ? [] : [servedVersion(row)]));
  return { readAt: rows[0]?.readAt ?? null, served };
}

function servedVersion(row: Row): ServedVersion {
  const { promptId, promptCreatedAt, slug, versionId, version, createdAt } = row;
  const { contentHash, channel, promotedAt, seq, hash } = row;
  const cursor = seq === null || hash === null ? null : encodeFeedCursor({ seq, hash });
  const content = storedContent(row);
  return {
    promptId,
    promptCreatedAt,
    slug,
    versionId,
    version,
    createdAt,
    content,
    contentHash,
    channel,
    promotedAt,
    cursor,
  };
}
