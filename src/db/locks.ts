import { NotFound } from '../domain/errors.ts';
import { ChannelNotFound, requireMovable } from '../domain/channel.ts';
import type { PromptKind } from '../domain/version.ts';
import { SlugTaken } from '../domain/prompt.ts';
import { shownSlug } from '../domain/workspace.ts';
import { EMPTY_POSITION } from '../domain/promotion.ts';
import type { ChannelPosition } from '../domain/promotion.ts';
import { textFault } from '../domain/text.ts';
import { Prisma } from './generated/prisma/client.ts';
import type { Tx } from './transaction.ts';

// Lock order, one law for all actions: idempotency key -> entrance of the workspace -> workspace -> channel (KEY SHARE; its policies change
// under UPDATE) -> prompts by id -> channel pointers by (channel, prompt) -> everything else -> events. Who locks prompts passes the entrance in
// the same statement (`lockPrompts`); who locks the workspace's row and no prompt needs none.

export interface LockedPrompt {
  readonly id: string;
  readonly slug: string;
  readonly kind: PromptKind;
  readonly latestNumber: number;
  readonly archived: boolean;
  /** The ordinal of its newest promotion; the next one gets this plus one. */
  readonly lastOrdinal: number;
}

/**
 * Where writers of a workspace pass, all at once, before they lock its row; who deletes it closes it first. The row alone would not do: as
 * long as writers overlap, each is given its share of it, and who wants all of it waits for ever.
 */
export function entrance(workspaceId: string): Prisma.Sql {
  return Prisma.sql`(SELECT pg_advisory_xact_lock_shared(${entranceKey(workspaceId)})) AS entrance`;
}

function entranceKey(workspaceId: string): Prisma.Sql {
  return Prisma.sql`hashtextextended(${`entrance ${workspaceId}`}, 0)`;
}

/**
 * Locks the prompts by id, in one statement, and before them the workspace against its deletion: an event locks it in the end anyway, and
 * then it would be too late. Unknown slugs are simply absent from the answer.
 */
export async function lockPrompts(
  tx: Tx,
  workspaceId: string,
  slugs: readonly string[],
): Promise<Map<string, LockedPrompt>> {
  const rows = await tx.$queryRaw<LockedPrompt[]>`
    SELECT p.id, p.slug, p.kind::text AS kind, p.latest_number AS "latestNumber", p.archived_at IS NOT NULL AS archived, 0 AS "lastOrdinal"
    FROM ${entrance(workspaceId)}, "workspace" w
    JOIN "prompt" p ON p.workspace_id = w.id
    WHERE w.id = ${workspaceId}::uuid AND p.slug = ANY(${[...slugs]}::text[])
    ORDER BY p.id
    FOR KEY SHARE OF w FOR NO KEY UPDATE OF p`;
  const ordinals = await lastOrdinals(
    tx,
    workspaceId,
    rows.map((row) => row.id),
  );
  return new Map(rows.map((row) => [row.slug, { ...row, lastOrdinal: ordinals.get(row.id) ?? 0 }]));
}

/** @throws NotFound */
export async function lockPrompt(tx: Tx, workspaceId: string, slug: string): Promise<LockedPrompt> {
  const prompt = (await lockPrompts(tx, workspaceId, [slug])).get(slug);
  if (prompt === undefined) throw promptNotFound(slug);
  return prompt;
}

export function promptNotFound(slug: string): NotFound {
  return new NotFound(`this workspace has no prompt ${JSON.stringify(slug.slice(0, 200))}`);
}

// Read after the lock was granted, in a statement of its own: the locking statement's snapshot may be older than the last holder's commit.
async function lastOrdinals(
  tx: Tx,
  workspaceId: string,
  promptIds: readonly string[],
): Promise<Map<string, number>> {
  if (promptIds.length === 0) return new Map();
  const rows = await tx.$queryRaw<{ id: string; ordinal: number }[]>`
    SELECT ids.id::text AS id, last.ordinal
    FROM unnest(${[...promptIds]}::uuid[]) AS ids(id)
    CROSS JOIN LATERAL (
      SELECT ordinal FROM "promotion" WHERE workspace_id = ${workspaceId}::uuid AND prompt_id = ids.id ORDER BY ordinal DESC LIMIT 1
    ) AS last`;
  return new Map(rows.map((row) => [row.id, row.ordinal]));
}

export interface LockedChannel {
  readonly id: string;
  readonly name: string;
}

/** @throws ChannelNotFound */
export async function getChannel(tx: Tx, workspaceId: string, name: string): Promise<LockedChannel> {
  const channel = await tx.channel.findUnique({
    where: { workspaceId_name: { workspaceId, name } },
    select: { id: true, name: true },
  });
  if (channel === null) throw new ChannelNotFound(name);
  return channel;
}

/**
 * A channel that a person may move, held against changes of its policies until the commit: whoever decides on them takes it before the
 * prompts. The workspace is held before it, in the same statement, as a deletion takes it. (The foreign keys of what is written take the
 * same locks.) @throws ChannelReserved, ChannelNotFound
 */
export async function getMovableChannel(tx: Tx, workspaceId: string, name: string): Promise<LockedChannel> {
  requireMovable(name);
  const [channel] = await tx.$queryRaw<LockedChannel[]>`
    SELECT c.id::text AS id, c.name FROM ${entrance(workspaceId)}, "workspace" w JOIN "channel" c ON c.workspace_id = w.id
    WHERE w.id = ${workspaceId}::uuid AND c.name = ${name} FOR KEY SHARE OF w, c`;
  if (channel === undefined) throw new ChannelNotFound(name);
  return channel;
}

/** As getMovableChannel, for who changes a policy: waits for the promotions that were decided on the old one. */
export async function lockChannel(tx: Tx, workspaceId: string, name: string): Promise<LockedChannel> {
  requireMovable(name);
  const [channel] = await tx.$queryRaw<LockedChannel[]>`
    SELECT c.id::text AS id, c.name FROM ${entrance(workspaceId)}, "workspace" w JOIN "channel" c ON c.workspace_id = w.id
    WHERE w.id = ${workspaceId}::uuid AND c.name = ${name} FOR KEY SHARE OF w FOR UPDATE OF c`;
  if (channel === undefined) throw new ChannelNotFound(name);
  return channel;
}

interface PointerRow {
  readonly promptId: string;
  readonly id: string | null;
  readonly number: number | null;
  readonly baseId: string | null;
  readonly baseBelowId: string | null;
}

/** Locks where the channel stands with each prompt, by prompt id. A prompt that the channel never held has no row: EMPTY_POSITION. */
export async function lockPositions(
  tx: Tx,
  workspaceId: string,
  channelId: string,
  promptIds: readonly string[],
): Promise<(promptId: string) => ChannelPosition> {
  await tx.$executeRaw`
    SELECT 1 FROM "channel_pointer"
    WHERE workspace_id = ${workspaceId}::uuid AND channel_id = ${channelId}::uuid AND prompt_id = ANY(${[...promptIds]}::uuid[])
    ORDER BY prompt_id
    FOR NO KEY UPDATE`;
  // Read after the locks were granted, in a statement of its own; as SQL, because every promotion waits for it.
  const pointers = await tx.$queryRaw<PointerRow[]>`
    SELECT cp.prompt_id::text AS "promptId", v.id::text AS id, v.number, p.base_id::text AS "baseId", p.base_below_id::text AS "baseBelowId"
    FROM "channel_pointer" cp
    JOIN "promotion" p ON p.workspace_id = cp.workspace_id AND p.id = cp.promotion_id
    LEFT JOIN "prompt_version" v ON v.workspace_id = cp.workspace_id AND v.id = cp.version_id
    WHERE cp.workspace_id = ${workspaceId}::uuid AND cp.channel_id = ${channelId}::uuid AND cp.prompt_id = ANY(${[...promptIds]}::uuid[])`;
  const positions = new Map<string, ChannelPosition>(
    pointers.map(({ promptId, id, number, ...stack }) => [
      promptId,
      { serving: id === null || number === null ? null : { id, number }, ...stack },
    ]),
  );
  return (promptId) => positions.get(promptId) ?? EMPTY_POSITION;
}

/**
 * Locks a workspace against everything: whoever writes to it has finished, and whoever comes waits for the end. By slug, as operators know it.
 * @throws NotFound
 */
export async function lockWorkspace(
  tx: Tx,
  slug: string,
): Promise<{ readonly id: string; readonly slug: string; readonly name: string }> {
  if (textFault(slug) !== null) throw workspaceNotFound(slug);
  const known = await tx.workspace.findUnique({ where: { slug }, select: { id: true } });
  if (known === null) throw workspaceNotFound(slug);
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${entranceKey(known.id)})`;
  const [row] = await tx.$queryRaw<{ id: string; slug: string; name: string }[]>`
    SELECT id::text AS id, slug, name FROM "workspace" WHERE slug = ${slug} AND id = ${known.id}::uuid FOR UPDATE`;
  if (row === undefined) throw workspaceNotFound(slug);
  return row;
}

function workspaceNotFound(slug: string): NotFound {
  return new NotFound(`this installation has no workspace ${shownSlug(slug)}`);
}

/** The unique key is the judge of a race; this is for the ordinary case. @throws SlugTaken */
export async function requireFreeSlug(tx: Tx, workspaceId: string, slug: string): Promise<void> {
  const taken = await tx.prompt.findUnique({
    where: { workspaceId_slug: { workspaceId, slug } },
    select: { id: true },
  });
  if (taken !== null) throw new SlugTaken(`this workspace has a prompt ${JSON.stringify(slug)} already`);
}
