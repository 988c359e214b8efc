import { InvalidInput, Refusal } from './errors.ts';
import { optionalText } from './text.ts';

const REASON_LENGTH_MAX = 2_000;
const BREAK_GLASS_REASON_MIN = 10;

export type PromotionKind = 'SAVE' | 'PROMOTION' | 'ROLLBACK' | 'WITHDRAWAL';

export class ChannelMoved extends Refusal {
  readonly code = 'CHANNEL_MOVED';
  readonly servingVersionId: string | null;

  constructor(slug: string, expected: number, serving: { id: string; number: number } | null) {
    const actual =
      serving === null
        ? 'the channel serves no version of it'
        : `the channel serves version ${serving.number}`;
    const believed = expected === 0 ? 'none' : `version ${expected}`;
    super(`${slug}: expected ${believed}, but ${actual}: nothing was changed`);
    this.servingVersionId = serving?.id ?? null;
  }
}

export class NothingToRollBack extends Refusal {
  readonly code = 'NOTHING_TO_ROLL_BACK';
}

/**
 * Where a channel stands with one prompt. `baseId` names the PROMOTION row whose version is the top of the rollback stack, `baseBelowId`
 * the base that was in force when that row was made. Both null: nothing was ever promoted.
 */
export interface ChannelPosition {
  readonly serving: { readonly id: string; readonly number: number } | null;
  readonly baseId: string | null;
  readonly baseBelowId: string | null;
}

export const EMPTY_POSITION: ChannelPosition = { serving: null, baseId: null, baseBelowId: null };

export interface StackEntry {
  readonly baseId: string | null;
  readonly baseBelowId: string | null;
}

/** A PROMOTION is its own base, on top of the base that was in force. */
export function stackAfterPromotion(promotionId: string, position: ChannelPosition): StackEntry {
  return { baseId: promotionId, baseBelowId: position.baseId };
}

/** A WITHDRAWAL keeps the base, so that a rollback restores what was withdrawn. */
export function stackAfterWithdrawal(position: ChannelPosition): StackEntry {
  return { baseId: position.baseId, baseBelowId: position.baseBelowId };
}

/** A ROLLBACK takes over the base that it goes back to, with what lies below it. */
export function stackAfterRollback(target: { id: string; baseBelowId: string | null }): StackEntry {
  return { baseId: target.id, baseBelowId: target.baseBelowId };
}

/**
 * The PROMOTION row that a rollback without `toVersion` goes back to: what was withdrawn, otherwise the base below.
 * @throws NothingToRollBack
 */
export function rollbackTarget(slug: string, channel: string, position: ChannelPosition): string {
  const target = position.serving === null ? position.baseId : position.baseBelowId;
  if (target === null) throw new NothingToRollBack(`channel "${channel}" served nothing of ${slug} before`);
  return target;
}

/** 0 means "serves nothing". Absent: no guard. @throws ChannelMoved */
export function requireExpected(
  slug: string,
  expected: number | null | undefined,
  position: ChannelPosition,
): void {
  if (expected === null || expected === undefined) return;
  if (expected !== (position.serving?.number ?? 0)) throw new ChannelMoved(slug, expected, position.serving);
}

export function requireReason(reason: string | null | undefined): string | null {
  return optionalText('reason', reason, REASON_LENGTH_MAX);
}

/** Who goes over what blocks says why, in more than a word. @throws InvalidInput */
export function requireBreakGlassReason(reason: string | null | undefined): string {
  const given = requireReason(reason) ?? '';
  if (given.trim().length >= BREAK_GLASS_REASON_MIN) return given;
  throw new InvalidInput(
    'reason',
    `a promotion by breakGlass needs a reason of at least ${BREAK_GLASS_REASON_MIN} characters`,
  );
}
