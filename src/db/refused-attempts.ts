import type { Actor } from '../domain/actor.ts';
import { AttemptLimit, refusedAttempt } from '../domain/promotion-attempts.ts';
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

  /** Notes the attempt if `error` refused it for what the actor may do or what the policy demands. Never throws, waits for nothing. */
  note(actor: Actor, move: AttemptedMove, error: unknown): void {
    const attempt = refusedAttempt(move, error);
    if (attempt === null || !this.#limit.accept(actor, attempt, this.#deps.clock().getTime())) return;
    const written = this.#write(actor, attempt)
      // The refusal was answered: that the trail could not be written is told to the operator by onUnavailable.
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(written));
    this.#underWay.add(written);
  }

  /** Resolves when what was noted is written, or has failed. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #write(actor: Actor, attempt: RefusedAttempt): Promise<void> {
    const { workspaceId } = actor;
    await inTransaction(this.#deps, actor, async (tx) => {
      const prompt = await tx.prompt.findUnique({
        where: { workspaceId_slug: { workspaceId, slug: attempt.slug } },
        select: { id: true },
      });
      const payload = { type: 'PromotionRefused', ...attempt } as const;
      return { answer: null, events: [{ payload, ...(prompt === null ? {} : { promptId: prompt.id }) }] };
    });
  }
}
