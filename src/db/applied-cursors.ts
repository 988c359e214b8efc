import type { PrismaClient } from './generated/prisma/client.ts';

/** What listens is written anew before its time is up; what has gone is kept for a while, should it come back. */
const RENEWED_AFTER = '12 hours';
const LIFETIME = '2 days';
const PURGED_MAX = 50_000;

/** An instance of an actor has applied everything that the channel served up to a place. */
export interface AppliedCursor {
  readonly workspaceId: string;
  readonly actorId: string;
  readonly channel: string;
  readonly instance: string;
  readonly seq: bigint;
  /** The first 8 bytes of the hash at that sequence, which tell its history from another. */
  readonly hashPrefix: Uint8Array;
  readonly cursor: string;
}

/**
 * Writes how far instances have got, in one statement; of several places of one instance the furthest. What is stored never goes back. Left out:
 * places that the log does not hold, so that what is stored is always of this history, and what is said in a workspace that is gone; one
 * that is being deleted is waited for. Nodes lock rows in the order of the key, so none waits for another in a circle.
 */
export async function writeApplied(writer: PrismaClient, said: readonly AppliedCursor[]): Promise<void> {
  const column = <T>(of: (one: AppliedCursor) => T): T[] => said.map(of);
  await writer.$executeRaw`
    WITH standing AS (
      SELECT id FROM "workspace" WHERE id = ANY(${[...new Set(column((one) => one.workspaceId))]}::uuid[]) ORDER BY id FOR KEY SHARE
    ), said AS (
      SELECT s.workspace_id, s.actor_id COLLATE "C" AS actor_id, s.channel COLLATE "C" AS channel, s.instance COLLATE "C" AS instance,
        s.seq, decode(s.hash_prefix, 'hex') AS hash_prefix, s.cursor
      FROM unnest(
        ${column((one) => one.workspaceId)}::uuid[],
        ${column((one) => one.actorId)}::text[],
        ${column((one) => one.channel)}::text[],
        ${column((one) => one.instance)}::text[],
        ${column((one) => one.seq)}::bigint[],
        ${column((one) => Buffer.from(one.hashPrefix).toString('hex'))}::text[],
        ${column((one) => one.cursor)}::text[]
      ) AS s(workspace_id, actor_id, channel, instance, seq, hash_prefix, cursor)
    ), places AS (
      SELECT e.workspace_id, e.seq, substring(e.hash FROM 1 FOR 8) AS hash_prefix
      FROM (SELECT DISTINCT workspace_id, seq FROM said) AS wanted
      JOIN "event" e ON e.workspace_id = wanted.workspace_id AND e.seq = wanted.seq
    )
    INSERT INTO "applied_cursor" AS stored (workspace_id, actor_id, channel, instance, seq, cursor, at)
    SELECT DISTINCT ON (said.workspace_id, said.actor_id, said.channel, said.instance)
      said.workspace_id, said.actor_id, said.channel, said.instance, said.seq, said.cursor, now()
    FROM said
    JOIN standing ON standing.id = said.workspace_id
    JOIN places ON places.workspace_id = said.workspace_id AND places.seq = said.seq AND places.hash_prefix = said.hash_prefix
    ORDER BY said.workspace_id, said.actor_id, said.channel, said.instance, said.seq DESC
    ON CONFLICT (workspace_id, actor_id, channel, instance) DO UPDATE
      SET seq = excluded.seq, cursor = excluded.cursor, at = excluded.at WHERE stored.seq < excluded.seq`;
}

/** Forgets instances that were heard of last two days ago, and does not for as long as they listen. @returns how many rows. */
export async function purgeApplied(writer: PrismaClient): Promise<number> {
  await writer.$executeRaw`
    UPDATE "applied_cursor" a SET at = now()
    FROM (SELECT DISTINCT workspace_id, actor_id COLLATE "C" AS actor_id, channel, instance FROM "stream_subscriber" WHERE instance IS NOT NULL) AS s
    WHERE a.workspace_id = s.workspace_id AND a.actor_id = s.actor_id AND a.channel = s.channel AND a.instance = s.instance
      AND a.at < now() - ${RENEWED_AFTER}::interval`;
  return writer.$executeRaw`
    DELETE FROM "applied_cursor" WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM "applied_cursor" WHERE at < now() - ${LIFETIME}::interval LIMIT ${PURGED_MAX} FOR UPDATE SKIP LOCKED
    ))`;
}
