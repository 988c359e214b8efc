import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireMovable } from '../domain/channel.ts';
import { NotFound } from '../domain/errors.ts';
import { requireExpected, requireReason, stackAfterWithdrawal } from '../domain/promotion.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import { inIdempotentTransaction } from '../db/idempotency.ts';
import { getMovableChannel, lockPrompt } from '../db/locks.ts';
import { lockPositions } from '../db/positions.ts';
import { moveChannels } from '../db/move-channels.ts';
import type { ActionDeps, Outcome, Tx } from '../db/transaction.ts';

export interface WithdrawPromptInput {
  readonly slug: string;
  readonly channel: string;
  readonly expectedVersion?: number | null | undefined;
  readonly reason?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Makes a channel stop serving a prompt. A rollback brings it back.
 * @returns the promotion's id (kind WITHDRAWAL).
 * @throws NotFound (also when the channel does not serve the prompt), ChannelNotFound, ChannelReserved, ChannelMoved, InvalidInput,
 * IdempotencyConflict, Forbidden, Unavailable
 */
export async function withdrawPrompt(
  deps: ActionDeps,
  actor: Actor,
  input: WithdrawPromptInput,
): Promise<string> {
  requireCan(actor, 'channels:rollback', { slug: input.slug, channel: input.channel });
  requireFindableSlug(input.slug);
  requireMovable(input.channel);
  const reason = requireReason(input.reason);
  return inIdempotentTransaction(deps, actor, { mutation: 'withdrawPrompt', input }, (tx) =>
    withdraw(deps, tx, actor, { ...input, reason }),
  );
}

async function withdraw(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  input: WithdrawPromptInput & { reason: string | null },
): Promise<Outcome<string>> {
  const { workspaceId } = actor;
  const channel = await getMovableChannel(tx, workspaceId, input.channel);
  const prompt = await lockPrompt(tx, workspaceId, input.slug);
  const position = (await lockPositions(tx, workspaceId, channel.id, [prompt.id]))(prompt.id);
  requireExpected(input.slug, input.expectedVersion, position);
  if (position.serving === null)
    throw new NotFound(`channel "${channel.name}" does not serve ${prompt.slug}`);
  const promotionId = deps.newId();
  const events = await moveChannels(tx, actor, deps.clock(), [
    {
      promotionId,
      kind: 'WITHDRAWAL',
      prompt,
      ordinal: prompt.lastOrdinal + 1,
      channel,
      version: null,
      previous: position.serving,
      stack: stackAfterWithdrawal(position),
      reason: input.reason,
    },
  ]);
  return { answer: promotionId, events };
}
