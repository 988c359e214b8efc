import type { Actor } from '../domain/actor.ts';
import type { NewEvent } from '../domain/event.ts';
import type { PromotionKind, StackEntry } from '../domain/promotion.ts';
import type { Tx } from './transaction.ts';

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
  readonly version: NumberedVersion | null;
  readonly previous: NumberedVersion | null;
  readonly stack: StackEntry;
  readonly reason: string | null;
}

/**
 * Records the moves and points the channels. The prompts and pointers are locked by the caller. Several moves of one channel and prompt
 * (an import of several versions) are all recorded; the pointer goes to the last.
 * @returns the events that the caller hands to its transaction, one a move.
 */
export async function moveChannels(
  tx: Tx,
  actor: Actor,
  now: Date,
  moves: readonly Move[],
): Promise<NewEvent[]> {
  await tx.promotion.createMany({ data: moves.map((move) => promotionRow(actor, now, move)) });
  await upsertPointers(tx, actor.workspaceId, now, moves);
  const hashOf = await contentHashes(tx, actor.workspaceId, moves);
  return moves.map((move) => eventOf(move, hashOf));
}

/** Of the versions that the moves go to: what was released stands in the trail itself, not only the number of a row. */
async function contentHashes(
  tx: Tx,
  workspaceId: string,
  moves: readonly Move[],
): Promise<(id: string) => string> {
  const ids = new Set(moves.flatMap(({ version }) => (version === null ? [] : [version.id])));
  if (ids.size === 0) return missingVersion;
  const rows = await tx.promptVersion.findMany({
    where: { workspaceId, id: { in: [...ids] } },
    select: { id: true, contentHash: true },
  });
  const hashes = new Map(rows.map(({ id, contentHash }) => [id, contentHash]));
  return (id) => hashes.get(id) ?? missingVersion(id);
}

function missingVersion(id: string): never {
  throw new Error(`version ${id} is promoted and not there`);
}

function promotionRow(actor: Actor, now: Date, move: Move) {
  return {
    workspaceId: actor.workspaceId,
    id: move.promotionId,
    kind: move.kind,
    promptId: move.prompt.id,
    ordinal: move.ordinal,
    channelId: move.channel.id,
    versionId: move.version?.id ?? null,
    previousVersionId: move.previous?.id ?? null,
    baseId: move.stack.baseId,
    baseBelowId: move.stack.baseBelowId,
    actorKind: actor.kind,
    actorId: actor.id,
    actorName: actor.name,
    reason: move.reason,
    createdAt: now,
  };
}

async function upsertPointers(tx: Tx, workspaceId: string, now: Date, moves: readonly Move[]): Promise<void> {
  const lastMoves = [
    ...new Map(moves.map((move) => [`${move.channel.id} ${move.prompt.id}`, move])).values(),
  ];
  await tx.$executeRaw`
    INSERT INTO "channel_pointer" (workspace_id, channel_id, prompt_id, version_id, promotion_id, since)
    SELECT ${workspaceId}::uuid, m.channel_id, m.prompt_id, m.version_id, m.promotion_id, ${now}
    FROM unnest(
      ${lastMoves.map((move) => move.channel.id)}::uuid[],
      ${lastMoves.map((move) => move.prompt.id)}::uuid[],
      ${lastMoves.map((move) => move.version?.id ?? null)}::uuid[],
      ${lastMoves.map((move) => move.promotionId)}::uuid[]
    ) AS m(channel_id, prompt_id, version_id, promotion_id)
    ON CONFLICT (workspace_id, channel_id, prompt_id) DO UPDATE
      SET version_id = excluded.version_id, promotion_id = excluded.promotion_id, since = excluded.since`;
}

function eventOf(move: Move, hashOf: (versionId: string) => string): NewEvent {
  const { prompt, channel, kind, version, promotionId } = move;
  const facts = { slug: prompt.slug, channel: channel.name, previousVersion: move.previous?.number ?? null };
  const payload =
    version === null
      ? ({ type: 'VersionWithdrawn', ...facts } as const)
      : ({
          type: 'VersionPromoted',
          ...facts,
          kind,
          version: version.number,
          contentHash: hashOf(version.id),
        } as const);
  return { payload, promptId: prompt.id, promotionId };
}
