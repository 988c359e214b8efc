import type { Actor } from '../domain/actor.ts';
import type { NewEvent } from '../domain/event.ts';
import { stackAfterPromotion } from '../domain/promotion.ts';
import { PromotionBlocked } from '../domain/promotion-blockers.ts';
import type { Blocker } from '../domain/promotion-blockers.ts';
import { judgePromotion } from '../domain/promotion-judgement.ts';
import type { PromotionWish as Wish } from '../domain/promotion-judgement.ts';
import { moveChannels } from './move-channels.ts';
import type { Move } from './move-channels.ts';
import type { PromotionFacts } from './promotion-facts.ts';
import type { SqlTx } from './sql-tx.ts';

/** Whether a promotion goes through, and on which request it stands. */
export interface Decision {
  readonly blockers: readonly Blocker[];
  /** The approved request that the promotion applies; null: it needs none. */
  readonly requestId: string | null;
  readonly reason: string | null;
}

/** Judges one promotion on what was locked. */
export function decide(actor: Actor, facts: PromotionFacts, wish: Wish): Decision {
  const { prompt, channel, position, policy, version, request, soakedSince } = facts;
  const { blockers, isOnRequest, reason } = judgePromotion(
    actor,
    {
      slug: prompt.slug,
      channel: channel.name,
      isArchived: prompt.archived,
      policy,
      version,
      request,
      servingVersionId: position.serving?.id ?? null,
      soakedSince,
    },
    wish,
  );
  return { blockers, requestId: isOnRequest ? (request?.id ?? null) : null, reason };
}

export interface PromotionWish extends Wish {
  readonly newId: () => string;
  /** Over what blocks, in an emergency; the permission for it is the caller's matter. */
  readonly breakGlass?: boolean;
}

/**
 * Judges the promotions and writes them, all or none.
 * @returns their ids in the order of the facts, and the events that the caller hands to its transaction. @throws PromotionBlocked
 */
export async function promote(
  tx: SqlTx,
  actor: Actor,
  facts: readonly PromotionFacts[],
  wish: PromotionWish,
): Promise<{ readonly ids: readonly string[]; readonly events: NewEvent[] }> {
  const decisions = facts.map((fact) => ({ fact, decision: decide(actor, fact, wish) }));
  const blockers = decisions.flatMap(({ decision }) => decision.blockers);
  if (blockers.length > 0 && wish.breakGlass !== true) throw new PromotionBlocked(blockers);
  const moves = decisions.map(({ fact, decision }) =>
    moveOf(fact, wish.newId(), wish.breakGlass === true ? { ...decision, requestId: null } : decision),
  );
  const broken = wish.breakGlass === true ? moves.map((move) => breakGlassEvent(move, blockers)) : [];
  const told = await moveChannels(
    tx,
    actor,
    wish.now,
    moves.map((move) => (wish.breakGlass === true ? { ...move, breakGlass: true } : move)),
  );
  return { ids: moves.map(({ promotionId }) => promotionId), events: [...broken, ...told] };
}

function moveOf(facts: PromotionFacts, promotionId: string, { requestId, reason }: Decision): Move {
  const { prompt, channel, position, version } = facts;
  return {
    promotionId,
    kind: 'PROMOTION',
    prompt,
    ordinal: prompt.lastOrdinal + 1,
    channel,
    version,
    previous: position.serving,
    stack: stackAfterPromotion(promotionId, position),
    reason,
    requestId,
  };
}

/** Beside the move's own event, which subscribers read: whoever looks through the trail must not miss it. */
function breakGlassEvent(
  { prompt, channel, version, reason, promotionId }: Move,
  overridden: readonly Blocker[],
): NewEvent {
  const blockers = overridden
    .filter(({ slug }) => slug === prompt.slug)
    .map(({ code, message }) => ({ code, message }));
  const facts = { slug: prompt.slug, channel: channel.name, version: version?.number ?? null };
  return {
    payload: { type: 'BreakGlassUsed', ...facts, promotionId, reason: reason ?? '', blockers },
    promptId: prompt.id,
  };
}
