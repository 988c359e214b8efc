import type { Actor } from '../domain/actor.ts';
import type { PrismaClient, StreamTransport } from './generated/prisma/client.ts';

/** Three rounds of a node that writes every 5 s may fail before its streams count as gone. */
export const NODE_SILENT = '30 seconds';
/** Longer than that: a node that was away for a while finds its rows again. */
const NODE_GONE = '5 minutes';

/** How far a stream is. */
export interface StreamPlace {
  /** Unique on its node; null: it is of one stream alone. */
  readonly sharedId: string | null;
  /** The cursor that was sent last; null: none yet. */
  readonly cursor: string | null;
}

/** A place that streams share, as it is listed. */
export interface ListedPlace {
  readonly workspaceId: string;
  readonly id: string;
  readonly cursor: string;
}

/** A stream that is open on this node: a subscription, or an event stream. */
export interface OpenStream {
  /** Unique on its node. */
  readonly id: string;
  readonly workspaceId: string;
  readonly channel: string;
  /** Slugs and folders; null: all of the workspace. */
  readonly prompts: readonly string[] | null;
  readonly transport: StreamTransport;
  readonly actorId: string;
  readonly actorKind: Actor['kind'];
  readonly actorName: string;
  readonly since: Date;
  readonly told: StreamPlace;
  /** The name under which it says what it has applied; null: it does not say. */
  readonly instance: string | null;
}

/** Of a stream, or of a place. */
export type ListedKey = Pick<OpenStream, 'workspaceId' | 'id'>;

/**
 * Says that the node is there, once for each workspace that it has streams of and that is not being deleted.
 * @returns the workspaces that did not know it: their rows of this node, if there were any, are gone.
 */
export async function announceNode(
  writer: PrismaClient,
  nodeId: string,
  workspaceIds: readonly string[],
): Promise<string[]> {
  const rows = await writer.$queryRaw<{ workspaceId: string; isNew: boolean }[]>`
    WITH standing AS (SELECT id FROM "workspace" WHERE id = ANY(${[...workspaceIds]}::uuid[]) ORDER BY id FOR KEY SHARE)
    INSERT INTO "stream_node" AS known (workspace_id, node_id, seen_at)
    SELECT id, ${nodeId}::uuid, now() FROM standing ORDER BY 1
    ON CONFLICT (workspace_id, node_id) DO UPDATE SET seen_at = excluded.seen_at
    RETURNING known.workspace_id::text AS "workspaceId", known.xmax = 0 AS "isNew"`;
  return rows.filter((row) => row.isNew).map((row) => row.workspaceId);
}

/**
 * Writes streams that were opened, and how far those are that are there. Where the node is not announced they are left out: their
 * workspace is gone, or does not know the node any more and is told of it in the next round.
 */
export async function upsertStreams(
  writer: PrismaClient,
  nodeId: string,
  streams: readonly OpenStream[],
): Promise<void> {
  const column = <T>(of: (stream: OpenStream) => T): T[] => streams.map(of);
  await writer.$executeRaw`
    INSERT INTO "stream_subscriber"
      (workspace_id, node_id, id, channel, prompts, transport, actor_id, actor_kind, actor_name, since, last_cursor, place_id, instance)
    SELECT s.workspace_id, ${nodeId}::uuid, s.id, s.channel, s.prompts::json, s.transport::stream_transport, s.actor_id, s.actor_kind::actor_kind,
      s.actor_name, to_timestamp(s.since_ms / 1000.0), s.last_cursor, s.place_id, s.instance
    FROM unnest(
      ${column((stream) => stream.workspaceId)}::uuid[],
      ${column((stream) => stream.id)}::text[],
      ${column((stream) => stream.channel)}::text[],
      ${column((stream) => stream.prompts && JSON.stringify(stream.prompts))}::text[],
      ${column((stream) => stream.transport)}::text[],
      ${column((stream) => stream.actorId)}::text[],
      ${column((stream) => stream.actorKind)}::text[],
      ${column((stream) => stream.actorName)}::text[],
      ${column((stream) => stream.since.getTime())}::bigint[],
      ${column((stream) => stream.told.cursor)}::text[],
      ${column((stream) => stream.told.sharedId)}::text[],
      ${column((stream) => stream.instance)}::text[]
    ) AS s(workspace_id, id, channel, prompts, transport, actor_id, actor_kind, actor_name, since_ms, last_cursor, place_id, instance)
    JOIN "stream_node" n ON n.workspace_id = s.workspace_id AND n.node_id = ${nodeId}::uuid
    ON CONFLICT (workspace_id, node_id, id) DO UPDATE SET last_cursor = excluded.last_cursor, place_id = excluded.place_id`;
}

export async function deleteStreams(
  writer: PrismaClient,
  nodeId: string,
  streams: readonly ListedKey[],
): Promise<void> {
  await writer.$executeRaw`
    DELETE FROM "stream_subscriber" s
    USING unnest(${streams.map((stream) => stream.workspaceId)}::uuid[], ${streams.map((stream) => stream.id)}::text[]) AS closed(workspace_id, id)
    WHERE s.workspace_id = closed.workspace_id AND s.node_id = ${nodeId}::uuid AND s.id = closed.id`;
}

/** Writes how far those are who share a place; where the node is not announced it is left out, as the streams are. */
export async function upsertPlaces(
  writer: PrismaClient,
  nodeId: string,
  places: readonly ListedPlace[],
): Promise<void> {
  await writer.$executeRaw`
    INSERT INTO "stream_place" (workspace_id, node_id, id, cursor)
    SELECT p.workspace_id, ${nodeId}::uuid, p.id, p.cursor
    FROM unnest(
      ${places.map((place) => place.workspaceId)}::uuid[],
      ${places.map((place) => place.id)}::text[],
      ${places.map((place) => place.cursor)}::text[]
    ) AS p(workspace_id, id, cursor)
    JOIN "stream_node" n ON n.workspace_id = p.workspace_id AND n.node_id = ${nodeId}::uuid
    ON CONFLICT (workspace_id, node_id, id) DO UPDATE SET cursor = excluded.cursor`;
}

export async function deletePlaces(
  writer: PrismaClient,
  nodeId: string,
  places: readonly ListedKey[],
): Promise<void> {
  await writer.$executeRaw`
    DELETE FROM "stream_place" p
    USING unnest(${places.map((place) => place.workspaceId)}::uuid[], ${places.map((place) => place.id)}::text[]) AS left_behind(workspace_id, id)
    WHERE p.workspace_id = left_behind.workspace_id AND p.node_id = ${nodeId}::uuid AND p.id = left_behind.id`;
}

/** The node ends: with it goes all that it has written. */
export async function deleteNode(
  writer: PrismaClient,
  nodeId: string,
  workspaceIds: readonly string[],
): Promise<void> {
  await writer.streamNode.deleteMany({ where: { nodeId, workspaceId: { in: [...workspaceIds] } } });
}

/** Forgets nodes that ended without a word, with their streams. @returns how many. */
export async function purgeNodes(writer: PrismaClient): Promise<number> {
  return writer.$executeRaw`DELETE FROM "stream_node" WHERE seen_at < now() - ${NODE_GONE}::interval`;
}
