import { NotFound } from '../domain/errors.ts';
import { ChannelNotFound, requireMovable } from '../domain/channel.ts';
import type { PromptKind } from '../domain/version.ts';
import { SlugTaken } from '../domain/prompt.ts';
import { shownSlug } from '../domain/workspace.ts';
import { textFault } from '../domain/text.ts';
import { Prisma } from './generated/prisma/client.ts';
import { inOneTrip } from './sql-tx.ts';
import type { SqlTx } from './sql-tx.ts';
import type { Tx } from './transaction.ts';

// Lock order, one law for all actions: idempotency key -> entrance of the workspace -> workspace -> channel (KEY SHARE; its policies change
// under UPDATE) -> prompts by id -> channel pointers by (channel, prompt) -> everything else -> events. Who locks prompts passes the entrance in
// the same statement (`lockPrompts`); who locks the workspace's row and no prompt needs none. Pointers are locked in positions.ts.

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
  tx: SqlTx,
  workspaceId: string,
  slugs: readonly string[],
): Promise<Map<string, LockedPrompt>> {
  const rows = await tx.$queryRaw<PromptRow[]>(lockingPrompts(workspaceId, slugs));
  if (rows.length === 0) return new Map();
  const ordinals = await tx.$queryRaw<OrdinalRow[]>(
    lastOrdinals(
      workspaceId,
      rows.map((row) => row.id),
    ),
  );
  return promptsOf(rows, ordinals);
}

/** A prompt as its lock found it. */
export type PromptRow = Omit<LockedPrompt, 'lastOrdinal'>;

function lockingPrompts(workspaceId: string, slugs: readonly string[]): Prisma.Sql {
  return Prisma.sql`
    SELECT p.id::text AS id, p.slug, p.kind::text AS kind, p.latest_number AS "latestNumber", p.archived_at IS NOT NULL AS archived
    FROM ${entrance(workspaceId)}, "workspace" w
    JOIN "prompt" p ON p.workspace_id = w.id
    WHERE w.id = ${workspaceId}::uuid AND p.slug = ANY(${[...slugs]}::text[])
    ORDER BY p.id
    FOR KEY SHARE OF w FOR NO KEY UPDATE OF p`;
}

export interface OrdinalRow {
  readonly id: string;
  readonly ordinal: number;
}

// Read after the lock was granted, in a statement of its own: the locking statement's snapshot may be older than the last holder's commit.
export function lastOrdinals(workspaceId: string, promptIds: readonly string[]): Prisma.Sql {
  return Prisma.sql`
    SELECT ids.id::text AS id, last.ordinal
    FROM unnest(${[...promptIds]}::uuid[]) AS ids(id)
    CROSS JOIN LATERAL (
      SELECT ordinal FROM "promotion" WHERE workspace_id = ${workspaceId}::uuid AND prompt_id = ids.id ORDER BY ordinal DESC LIMIT 1
    ) AS last`;
}

export function promptsOf(
  rows: readonly PromptRow[],
  ordinals: readonly OrdinalRow[],
): Map<string, LockedPrompt> {
  const ordinalOf = new Map(ordinals.map(({ id, ordinal }) => [id, ordinal]));
  return new Map(rows.map((row) => [row.slug, { ...row, lastOrdinal: ordinalOf.get(row.id) ?? 0 }]));
}

/** @throws NotFound */
export async function lockPrompt(tx: SqlTx, workspaceId: string, slug: string): Promise<LockedPrompt> {
  const prompt = (await lockPrompts(tx, workspaceId, [slug])).get(slug);
  if (prompt === undefined) throw promptNotFound(slug);
  return prompt;
}

export function promptNotFound(slug: string): NotFound {
  return new NotFound(`this workspace has no prompt ${JSON.stringify(slug.slice(0, 200))}`);
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
export async function getMovableChannel(
  tx: SqlTx,
  workspaceId: string,
  name: string,
): Promise<LockedChannel> {
  return onlyChannel(await tx.$queryRaw<LockedChannel[]>(holdingChannel(workspaceId, name)), name);
}

/** As getMovableChannel and then lockPrompts, in one round trip where there can be one; the ordinals are left for later. */
export async function lockChannelAndPrompts(
  tx: SqlTx,
  workspaceId: string,
  channelName: string,
  slugs: readonly string[],
): Promise<{ readonly channel: LockedChannel; readonly prompts: readonly PromptRow[] }> {
  const [channels, prompts] = await inOneTrip<[LockedChannel[], PromptRow[]]>(
    tx,
    holdingChannel(workspaceId, channelName),
    lockingPrompts(workspaceId, slugs),
  );
  return { channel: onlyChannel(channels, channelName), prompts };
}

function holdingChannel(workspaceId: string, name: string): Prisma.Sql {
  requireMovable(name);
  return Prisma.sql`
    SELECT c.id::text AS id, c.name FROM ${entrance(workspaceId)}, "workspace" w JOIN "channel" c ON c.workspace_id = w.id
    WHERE w.id = ${workspaceId}::uuid AND c.name = ${name} FOR KEY SHARE OF w, c`;
}

function onlyChannel([channel]: readonly LockedChannel[], name: string): LockedChannel {
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
