import type { Actor } from '../domain/actor.ts';
import { AttemptLimit, refusedAttempts } from '../domain/promotion-attempts.ts';
import type { AttemptedMove, RefusedAttempt } from '../domain/promotion-attempts.ts';
import { inTransaction } from './transaction.ts';
import type { ActionDeps } from './transaction.ts';

/** Keeps refused attempts to move a channel in the trail, each in a transaction of its own, behind the answer. */
export class RefusedAttempts {
  readonly #deps: ActionDeps;
  readonly #limit = new AttemptLimit();
  readonly #underWay = new Set<Promise<void>>();

  constructor(deps: ActionDeps) {
    this.#deps = deps;
  }

  /**
   * Notes what of the call was refused for what the actor may do or what the policy demands, in one commit. Never throws, waits for nothing.
   */
  note(actor: Actor, moves: readonly AttemptedMove[], error: unknown): void {
    const now = this.#deps.clock().getTime();
    const kept = refusedAttempts(actor, moves, error).filter((one) => this.#limit.accept(actor, one, now));
    if (kept.length === 0) return;
    const written = this.#write(actor, kept)
      // The refusal was answered: that the trail could not be written is told to the operator by onUnavailable.
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(written));
    this.#underWay.add(written);
  }

  /** Resolves when what was noted is written, or has failed. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #write(actor: Actor, attempts: readonly RefusedAttempt[]): Promise<void> {
    const { workspaceId } = actor;
    await inTransaction(this.#deps, actor, async (tx) => {
      const prompts = await tx.prompt.findMany({
        where: { workspaceId, slug: { in: attempts.map(({ slug }) => slug) } },
        select: { id: true, slug: true },
      });
      const ids = new Map(prompts.map(({ id, slug }) => [slug, id]));
      const events = attempts.map((attempt) => {
        const promptId = ids.get(attempt.slug);
        const payload = { type: 'PromotionRefused', ...attempt } as const;
        return promptId === undefined ? { payload } : { payload, promptId };
      });
      return { answer: null, events };
    });
  }
}
