import type { Actor } from '../domain/actor.ts';
import type { NewEvent } from '../domain/event.ts';
import type { PromotionKind, StackEntry } from '../domain/promotion.ts';
import { Prisma } from './generated/prisma/client.ts';
import { inOneTrip } from './sql-tx.ts';
import type { SqlTx } from './sql-tx.ts';

interface NumberedVersion {
  readonly id: string;
  readonly number: number;
}

/** One channel pointed at one version of one prompt (null: at none), as it will be recorded. */
export interface Move {
  readonly promotionId: string;
  readonly kind: PromotionKind;
  readonly prompt: { readonly id: string; readonly slug: string };
  /** Its place among the prompt's promotions: the last one plus one. */
  readonly ordinal: number;
  readonly channel: { readonly id: string; readonly name: string };
  /** With its hash where the caller knows it: what is not known is read. */
  readonly version: (NumberedVersion & { readonly contentHash?: string }) | null;
  readonly previous: NumberedVersion | null;
  readonly stack: StackEntry;
  readonly reason: string | null;
  /** The approved request that it applies. */
  readonly requestId?: string | null;
  readonly breakGlass?: boolean;
}

/**
 * Records the moves and points the channels. The prompts and pointers are locked by the caller. Several moves of one channel and prompt
 * (an import of several versions) are all recorded; the pointer goes to the last. Requests for what moves are closed: APPLIED where the
 * move stands on one, SUPERSEDED where what was reviewed is no longer true.
 * @returns the events that the caller hands to its transaction, one a move, then one a request that was superseded.
 */
export async function moveChannels(
  tx: SqlTx,
  actor: Actor,
  now: Date,
  moves: readonly Move[],
): Promise<NewEvent[]> {
  const [, closed] = await inOneTrip<[unknown[], ClosedRow[]]>(
    tx,
    recording(actor, now, moves),
    pointing(actor.workspaceId, now, moves),
  );
  const hashOf = await contentHashes(tx, actor.workspaceId, moves);
  return [...moves.map((move) => eventOf(move, hashOf)), ...supersededEvents(moves, closed)];
}

/** Of the versions that the moves go to: what was released stands in the trail itself, not only the number of a row. */
async function contentHashes(
  tx: SqlTx,
  workspaceId: string,
  moves: readonly Move[],
): Promise<(id: string) => string> {
  const versions = moves.flatMap(({ version }) => version ?? []);
  const hashes = new Map(
    versions.flatMap(({ id, contentHash }) =>
      contentHash === undefined ? [] : [[id, contentHash] as const],
    ),
  );
  const unknown = [...new Set(versions.map(({ id }) => id))].filter((id) => !hashes.has(id));
  if (unknown.length > 0) {
    const rows = await tx.$queryRaw<{ id: string; contentHash: string }[]>`
      SELECT id::text AS id, content_hash AS "contentHash" FROM "prompt_version"
      WHERE workspace_id = ${workspaceId}::uuid AND id = ANY(${unknown}::uuid[])`;
    for (const { id, contentHash } of rows) hashes.set(id, contentHash);
  }
  return (id) => hashes.get(id) ?? missingVersion(id);
}

function missingVersion(id: string): never {
  throw new Error(`version ${id} is promoted and not there`);
}

/** The promotions, in their order. */
function recording({ workspaceId, kind, id, name }: Actor, now: Date, moves: readonly Move[]): Prisma.Sql {
  return Prisma.sql`
    INSERT INTO "promotion" (workspace_id, id, kind, prompt_id, ordinal, channel_id, version_id, previous_version_id, base_id, base_below_id,
      actor_kind, actor_id, actor_name, reason, request_id, break_glass, created_at)
    SELECT ${workspaceId}::uuid, m.id, m.kind::promotion_kind, m.prompt_id, m.ordinal, m.channel_id, m.version_id, m.previous_version_id, m.base_id,
      m.base_below_id, ${kind}::text::actor_kind, ${id}::text, ${name}::text, m.reason, m.request_id, m.break_glass, ${now}::timestamptz
    FROM unnest(
      ${moves.map((move) => move.promotionId)}::uuid[],
      ${moves.map((move) => move.kind)}::text[],
      ${moves.map((move) => move.prompt.id)}::uuid[],
      ${moves.map((move) => move.ordinal)}::int[],
      ${moves.map((move) => move.channel.id)}::uuid[],
      ${moves.map((move) => move.version?.id ?? null)}::uuid[],
      ${moves.map((move) => move.previous?.id ?? null)}::uuid[],
      ${moves.map((move) => move.stack.baseId)}::uuid[],
      ${moves.map((move) => move.stack.baseBelowId)}::uuid[],
      ${moves.map((move) => move.reason)}::text[],
      ${moves.map((move) => move.requestId ?? null)}::uuid[],
      ${moves.map((move) => move.breakGlass ?? false)}::boolean[]
    ) WITH ORDINALITY AS m(id, kind, prompt_id, ordinal, channel_id, version_id, previous_version_id, base_id, base_below_id, reason, request_id,
      break_glass, place)
    ORDER BY m.place`;
}

/** Points the channels, and closes what was asked for of what moves, in one statement: after the database has judged the promotions. */
function pointing(workspaceId: string, now: Date, moves: readonly Move[]): Prisma.Sql {
  const last = [...new Map(moves.map((move) => [`${move.channel.id} ${move.prompt.id}`, move])).values()];
  const moved = Prisma.sql`unnest(
      ${last.map((move) => move.channel.id)}::uuid[],
      ${last.map((move) => move.prompt.id)}::uuid[],
      ${last.map((move) => move.version?.id ?? null)}::uuid[],
      ${last.map((move) => move.promotionId)}::uuid[],
      ${last.map((move) => move.requestId ?? null)}::uuid[]
    ) AS m(channel_id, prompt_id, version_id, promotion_id, request_id)`;
  const point = Prisma.sql`
    INSERT INTO "channel_pointer" (workspace_id, channel_id, prompt_id, version_id, promotion_id, since)
    SELECT ${workspaceId}::uuid, m.channel_id, m.prompt_id, m.version_id, m.promotion_id, ${now}::timestamptz FROM ${moved}
    ON CONFLICT (workspace_id, channel_id, prompt_id) DO UPDATE
      SET version_id = excluded.version_id, promotion_id = excluded.promotion_id, since = excluded.since`;
  if (moves.every(({ kind }) => kind === 'SAVE')) return point;
  return Prisma.sql`
    WITH pointed AS (${point}), closed AS (
      UPDATE "promotion_request" AS r
      SET status = CASE WHEN r.id = m.request_id THEN 'APPLIED' ELSE 'SUPERSEDED' END::promotion_request_status, closed_at = ${now}::timestamptz
      FROM ${moved}
      WHERE r.workspace_id = ${workspaceId}::uuid AND r.channel_id = m.channel_id AND r.prompt_id = m.prompt_id AND r.status = 'OPEN'
      RETURNING r.id, r.status, r.version_id, m.promotion_id
    )
    SELECT c.id::text AS id, c.status::text AS status, c.promotion_id::text AS "promotionId", v.number
    FROM closed c JOIN "prompt_version" v ON v.workspace_id = ${workspaceId}::uuid AND v.id = c.version_id`;
}

function supersededEvents(moves: readonly Move[], closed: readonly ClosedRow[]): NewEvent[] {
  const byPromotion = new Map(moves.map((move) => [move.promotionId, move]));
  return closed.flatMap(({ id, status, promotionId, number }): NewEvent[] => {
    const move = byPromotion.get(promotionId);
    if (status !== 'SUPERSEDED' || move === undefined) return [];
    const facts = { requestId: id, slug: move.prompt.slug, channel: move.channel.name, version: number };
    return [{ payload: { type: 'PromotionRequestSuperseded', ...facts }, promptId: move.prompt.id }];
  });
}

interface ClosedRow {
  readonly id: string;
  readonly status: string;
  readonly promotionId: string;
  readonly number: number;
}

function eventOf(move: Move, hashOf: (versionId: string) => string): NewEvent {
  const { prompt, channel, kind, version, promotionId } = move;
  const facts = { slug: prompt.slug, channel: channel.name, previousVersion: move.previous?.number ?? null };
  const request = typeof move.requestId === 'string' ? { requestId: move.requestId } : {};
  const glass = move.breakGlass === true ? { breakGlass: true } : {};
  const payload =
    version === null
      ? ({ type: 'VersionWithdrawn', ...facts } as const)
      : ({
          type: 'VersionPromoted',
          ...facts,
          kind,
          version: version.number,
          ...request,
          ...glass,
          contentHash: hashOf(version.id),
        } as const);
  return { payload, promptId: prompt.id, promotionId };
}
