import { isChannelName } from './channel.ts';
import { can } from './actor.ts';
import type { Actor } from './actor.ts';
import { Forbidden } from './errors.ts';
import { isSlug } from './prompt.ts';
import { PromotionBlocked } from './promotion-blockers.ts';
import type { Blocker } from './promotion-blockers.ts';

/** An attempt to move a channel that was refused, as the trail keeps it. */
export interface RefusedAttempt {
  readonly action: string;
  readonly slug: string;
  readonly channel: string;
  readonly version: number | null;
  readonly code: string;
  readonly blockers: readonly string[];
}

export interface AttemptedMove {
  readonly action: string;
  readonly slug: string;
  readonly channel: string;
  readonly version?: number | null | undefined;
}

/** Of one call: a batch that is blocked everywhere must not use up what is kept of its actor in a minute. */
const CALL_MAX = 20;

/**
 * What the trail keeps of the refusal of a call that would have moved one channel, or several prompts on it: one for each prompt that was
 * refused, at most 20. None: it was refused for something else than permission and policy, or what was named can be no prompt and no channel.
 */
export function refusedAttempts(
  actor: Actor,
  moves: readonly AttemptedMove[],
  error: unknown,
): RefusedAttempt[] {
  if (!(error instanceof Forbidden || error instanceof PromotionBlocked)) return [];
  const blockers = error instanceof PromotionBlocked ? error.blockers : [];
  return refusedMoves(actor, moves, blockers)
    .filter(({ slug, channel }) => isSlug(slug) && isChannelName(channel))
    .slice(0, CALL_MAX)
    .map(({ action, slug, channel, version = null }) => {
      const own = blockers.filter((one) => one.slug === slug).map(({ code }) => code as string);
      return { action, slug, channel, version, code: error.code, blockers: own };
    });
}

/** Permission ends a call at the first prompt that it is missing for, policies are asked for all of them. */
function refusedMoves(
  actor: Actor,
  moves: readonly AttemptedMove[],
  blockers: readonly Blocker[],
): readonly AttemptedMove[] {
  const blocked = new Set(blockers.map(({ slug }) => slug));
  const refused = moves.filter(({ slug }) => blocked.has(slug));
  if (refused.length > 0) return refused;
  const forbidden = moves.find(({ slug, channel }) => !can(actor, 'channels:promote', { slug, channel }));
  return [forbidden ?? moves[0]].filter((move) => move !== undefined);
}

const SAME_MS = 60_000;
const ACTOR_PER_MINUTE = 30;
const ACTORS_MAX = 10_000;

/** How often attempts are kept: what fails in a loop must not fill the trail. */
export class AttemptLimit {
  /** By actor: when which attempt was kept, the oldest first, those of the last minute. */
  readonly #kept = new Map<string, Map<string, number>>();

  /** Whether this one is kept: the same of an actor once a minute, and so many of an actor a minute. */
  accept({ workspaceId, id }: Actor, attempt: RefusedAttempt, nowMs: number): boolean {
    const key = `${workspaceId} ${id}`;
    const same = [attempt.action, attempt.slug, attempt.channel, attempt.version, attempt.code].join(' ');
    const kept = this.#kept.get(key) ?? new Map<string, number>();
    for (const [what, at] of kept) if (nowMs - at >= SAME_MS) kept.delete(what);
    if (kept.has(same) || kept.size >= ACTOR_PER_MINUTE) return false;
    kept.set(same, nowMs);
    // Moved to the end: those who have not tried for longest are forgotten first.
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > ACTORS_MAX) this.#kept.delete([...this.#kept.keys()][0] ?? '');
    return true;
  }
}
