import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireMovable, STABLE } from '../domain/channel.ts';
import { requireExpected, requireReason, rollbackTarget, stackAfterRollback } from '../domain/promotion.ts';
import type { ChannelPosition } from '../domain/promotion.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import { VersionNotFound } from '../domain/version.ts';
import { inIdempotentSqlTransaction } from '../db/idempotency.ts';
import { getMovableChannel, lockPrompt } from '../db/locks.ts';
import type { LockedChannel, LockedPrompt } from '../db/locks.ts';
import { moveChannels } from '../db/move-channels.ts';
import { lockPositions } from '../db/positions.ts';
import { requireActive, versionNotFound } from '../db/promotion-facts.ts';
import { findLastPromoted, getPromotedThere } from '../db/rollback-target.ts';
import type { SqlTx } from '../db/sql-tx.ts';
import type { ActionDeps, SqlOutcome } from '../db/transaction.ts';

export interface RollbackChannelInput {
  readonly slug: string;
  readonly channel?: string | null | undefined;
  readonly toVersion?: number | null | undefined;
  readonly expectedVersion?: number | null | undefined;
  readonly reason?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Goes back to what the channel served before, or to `toVersion` if the channel was ever promoted to it.
 * @returns the promotion's id (kind ROLLBACK).
 * @throws NotFound, VersionNotFound, ChannelNotFound, ChannelReserved, ChannelMoved, PromptArchived, NothingToRollBack, InvalidInput,
 * IdempotencyConflict, Forbidden, Unavailable
 */
export async function rollbackChannel(
  deps: ActionDeps,
  actor: Actor,
  input: RollbackChannelInput,
): Promise<string> {
  const { slug, channel: wanted } = { ...input, channel: input.channel ?? STABLE };
  requireCan(actor, 'channels:rollback', { slug, channel: wanted });
  requireFindableSlug(slug);
  const channel = requireMovable(wanted);
  const reason = requireReason(input.reason);
  return inIdempotentSqlTransaction(deps, actor, { mutation: 'rollbackChannel', input }, (tx) =>
    rollBack(deps, tx, actor, { ...input, channel, reason }),
  );
}

async function rollBack(
  deps: ActionDeps,
  tx: SqlTx,
  actor: Actor,
  input: RollbackChannelInput & { channel: string; reason: string | null },
): Promise<SqlOutcome<string>> {
  const { workspaceId } = actor;
  const channel = await getMovableChannel(tx, workspaceId, input.channel);
  const prompt = requireActive(await lockPrompt(tx, workspaceId, input.slug), input.slug);
  const position = (await lockPositions(tx, workspaceId, channel.id, [prompt.id]))(prompt.id);
  requireExpected(input.slug, input.expectedVersion, position);
  const target = await findTarget(tx, workspaceId, {
    channel,
    prompt,
    position,
    toVersion: input.toVersion ?? null,
  });
  const promotionId = deps.newId();
  const events = await moveChannels(tx, actor, deps.clock(), [
    {
      promotionId,
      kind: 'ROLLBACK',
      prompt,
      ordinal: prompt.lastOrdinal + 1,
      channel,
      version: target.version,
      previous: position.serving,
      stack: stackAfterRollback(target),
      reason: input.reason,
    },
  ]);
  return { answer: promotionId, events };
}

interface Question {
  readonly channel: LockedChannel;
  readonly prompt: LockedPrompt;
  readonly position: ChannelPosition;
  readonly toVersion: number | null;
}

async function findTarget(
  tx: SqlTx,
  workspaceId: string,
  { channel, prompt, position, toVersion }: Question,
) {
  const place = { workspaceId, promptId: prompt.id, channelId: channel.id };
  if (toVersion === null)
    return getPromotedThere(tx, place, rollbackTarget(prompt.slug, channel.name, position));
  if (toVersion < 1 || toVersion > prompt.latestNumber)
    throw versionNotFound(prompt.slug, toVersion, prompt.latestNumber);
  const target = await findLastPromoted(tx, place, toVersion);
  if (target === null) {
    throw new VersionNotFound(
      `channel "${channel.name}" was never promoted to version ${toVersion} of ${prompt.slug}: a rollback goes back, use promoteVersion`,
    );
  }
  return target;
}
