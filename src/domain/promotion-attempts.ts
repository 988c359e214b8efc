import { isChannelName } from './channel.ts';
import type { Actor } from './actor.ts';
import { Forbidden, Refusal } from './errors.ts';
import { isSlug } from './prompt.ts';
import { PromotionBlocked } from './promotion-blockers.ts';

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

/**
 * What the trail keeps of a refusal; null: nothing, because it was refused for something else than permission and policy, or because what
 * was named can be no prompt and no channel.
 */
export function refusedAttempt(move: AttemptedMove, error: unknown): RefusedAttempt | null {
  if (!(error instanceof Refusal)) return null;
  const isJudged = error instanceof Forbidden || error instanceof PromotionBlocked;
  if (!isJudged || !isSlug(move.slug) || !isChannelName(move.channel)) return null;
  const blockers = error instanceof PromotionBlocked ? error.blockers : [];
  const own = blockers.filter(({ slug }) => slug === move.slug).map(({ code }) => code as string);
  const { action, slug, channel, version = null } = move;
  return { action, slug, channel, version, code: error.code, blockers: own };
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
