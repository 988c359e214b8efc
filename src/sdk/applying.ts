import type { Change } from './assembler.ts';
import type { Clock } from './clock.ts';
import { PromptForgeError } from './errors.ts';
import { Gap } from './frame.ts';
import type { Move } from './frame.ts';
import type { Positions } from './positions.ts';
import type { Difference, PromptState } from './prompt-state.ts';
import { contentHashOf } from './served-prompt.ts';
import type { ServedPrompt } from './types.ts';

/** Mode LATEST leaves moves out for who reads slowly, so that what does not follow on is no proof: it is not asked about more often. */
const DOUBT_MS = 60_000;

export interface ApplyingDeps {
  readonly state: PromptState;
  readonly positions: Positions;
  readonly clock: Clock;
  readonly failed: (error: PromptForgeError) => void;
}

/** Brings what came into what is known: verified first, then all of it at once. */
export class Applying {
  readonly #deps: ApplyingDeps;
  /** So many times in a row something did not verify. */
  #strikes = 0;
  #snapshotAt = Number.NEGATIVE_INFINITY;

  constructor(deps: ApplyingDeps) {
    this.#deps = deps;
  }

  /**
   * What is different now; null: `isWanted` said, when all was verified, that nobody waits for it any more.
   * @throws Gap, with everything as it was
   */
  async apply(
    change: Exclude<Change, { type: 'bookmark' }>,
    isWanted: () => boolean,
  ): Promise<Difference[] | null> {
    const served = change.type === 'replace' ? change.served : change.moves.flatMap(servedOf);
    const damaged = await this.#damaged(served);
    if (!isWanted()) return null;
    if (damaged.size > 0) this.#strike(change, damaged);
    const { state, positions, clock } = this.#deps;
    if (change.type === 'replace') {
      if (damaged.size === 0) this.#strikes = 0;
      this.#snapshotAt = clock.now();
      positions.beginAt(change.cursor);
      const right = served.filter((prompt) => !damaged.has(prompt.slug));
      return state.replace(right, damaged, change.cursor);
    }
    positions.moveTo(change.cursor);
    return state.commit(change.moves, change.cursor);
  }

  /** A slug of which something was left out, as far as a commit shows it. Asked before the commit is applied. */
  missedBefore(moves: readonly Move[]): string | null {
    if (this.#deps.clock.now() - this.#snapshotAt < DOUBT_MS) return null;
    for (const move of moves) {
      if (move.type === 'withdrawn' || move.previous === undefined) continue;
      const held = this.#deps.state.find(move.slug)?.served.version;
      // A renamed prompt comes with a past under its new slug.
      if (held !== undefined && held !== move.previous && held !== move.served.version) return move.slug;
    }
    return null;
  }

  async #damaged(served: readonly ServedPrompt[]): Promise<Set<string>> {
    const checked = await Promise.all(
      served.map(async (prompt) => ({ prompt, hash: await contentHashOf(prompt) })),
    );
    const wrong = checked.filter(({ prompt, hash }) => prompt.contentHash !== hash);
    for (const { prompt, hash } of wrong) {
      const { slug, version, contentHash } = prompt;
      const message = `"${slug}" version ${version} is refused: its content is ${hash}, not ${contentHash}`;
      this.#deps.failed(new PromptForgeError('CONTENT_MISMATCH', message));
    }
    return new Set(wrong.map(({ prompt }) => prompt.slug));
  }

  /** Asks for all of it once more. What is still damaged then is left out, so that one prompt does not hold up all others. */
  #strike({ type }: Change, damaged: ReadonlySet<string>): void {
    this.#strikes += 1;
    if (type === 'replace' && this.#strikes > 1) return;
    throw new Gap('CONTENT_MISMATCH', `damaged: ${[...damaged].join(', ')}`);
  }
}

function servedOf(move: Move): readonly ServedPrompt[] {
  return move.type === 'promoted' ? [move.served] : [];
}
