import type { Actor } from '../domain/actor.ts';
import { mayReadVersion } from '../domain/actor-reading.ts';
import type { ServedVersion } from '../db/serving.ts';
import { ingredientOf } from '../delivery/answer-cache.ts';
import type { Ingredient } from '../delivery/answer-cache.ts';
import { keyOf } from '../delivery/held-versions.ts';
import type { Served } from '../delivery/representation.ts';
import type { Selector, Snapshot } from '../delivery/snapshot.ts';
import { NotInSnapshot } from '../schema/from-snapshot.ts';
import type { PromptInMemory, SnapshotReads } from '../schema/from-snapshot.ts';

/** What one try to answer an operation from memory read, all of it at one moment: nothing waits in here. */
export class MemoryReads implements SnapshotReads {
  readonly #snapshot: Pick<Snapshot, 'find'>;
  readonly #actor: Actor;
  readonly #prompts: PromptInMemory[] = [];
  readonly #found = new Map<string, Served>();
  /** What is being loaded, because it was not in memory. */
  loading: Promise<unknown> | null = null;

  constructor(snapshot: Pick<Snapshot, 'find'>, actor: Actor) {
    this.#snapshot = snapshot;
    this.#actor = actor;
  }

  prompt(slug: string): PromptInMemory {
    const prompt = { slug, known: null };
    this.#prompts.push(prompt);
    return prompt;
  }

  version(prompt: PromptInMemory, selector: Selector): ServedVersion {
    const { slug } = prompt;
    const { workspaceId } = this.#actor;
    if (!mayReadVersion(this.#actor, slug, selector)) throw new NotInSnapshot();
    const found = this.#snapshot.find(workspaceId, slug, selector);
    if (found instanceof Promise) this.loading = found;
    if (found === null || found instanceof Promise) throw new NotInSnapshot();
    this.#found.set(keyOf({ workspaceId, slug, selector }), found);
    prompt.known ??= found.source;
    return found.source;
  }

  /** Whether every prompt that was asked for is there: nothing but a version of it tells. */
  isWhole(): boolean {
    return this.#prompts.every(({ known }) => known !== null);
  }

  /** Each version once for each place where it was found. */
  madeOf(): Ingredient[] {
    return [...this.#found].map(([key, served]) => ingredientOf(key, served));
  }
}
