import { parseTemplate } from '../domain/template.ts';
import type { ParsedTemplate, Variable } from '../domain/template.ts';
import type { Move } from './frame.ts';
import { deepFreeze } from './served-prompt.ts';
import type { Promoted, ServedPrompt, Withdrawn } from './types.ts';

/** A prompt as it is held, ready to be filled in. */
export interface Held {
  readonly served: ServedPrompt;
  readonly declared: readonly Variable[];
  /** Taken apart when it is asked for first. */
  parsed: ParsedTemplate | null;
}

/** What became different. */
export type Difference =
  | { readonly event: 'promoted'; readonly told: Promoted }
  | { readonly event: 'withdrawn'; readonly told: Withdrawn };

export function hold(served: ServedPrompt): Held {
  const declared = served.variables.filter((variable) => variable.declared);
  return { served: deepFreeze(served), declared, parsed: null };
}

export function parsedOf(held: Held): ParsedTemplate {
  const { template, messages } = held.served;
  held.parsed ??= parseTemplate(
    template === null ? { kind: 'CHAT', messages: messages ?? [] } : { kind: 'TEXT', template },
  );
  return held.parsed;
}

/** All that is known of what the channel serves. It only ever changes as a whole. */
export class PromptState {
  #held: ReadonlyMap<string, Held> = new Map();
  #isKnown = false;
  /** Slugs that are served, and of which nothing that is right has come. */
  #missing: ReadonlySet<string> = new Set();
  /** Whether a slug that is not held is known not to be served. */
  #isComplete = false;

  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Whether everything that is served is held as it is served. */
  get isWhole(): boolean {
    return this.#missing.size === 0;
  }

  get size(): number {
    return this.#held.size;
  }

  find(slug: string): Held | undefined {
    return this.#held.get(slug);
  }

  /** Whether the channel is known to serve nothing under the slug. */
  isAbsent(slug: string): boolean {
    return this.#isKnown && this.#isComplete && !this.#missing.has(slug);
  }

  slugs(): string[] {
    return [...this.#held.keys()].toSorted();
  }

  served(): ServedPrompt[] {
    return [...this.#held.values()].map(({ served }) => served);
  }

  /** What came from a file; nothing is different by it, since nothing was known. */
  load(served: readonly ServedPrompt[], isComplete: boolean): void {
    this.#held = new Map(served.map((prompt) => [prompt.slug, hold(prompt)]));
    this.#isComplete = isComplete;
    this.#isKnown = true;
  }

  /** All that the channel serves. Of `missing` what was held stays. */
  replace(served: readonly ServedPrompt[], missing: ReadonlySet<string>, cursor: string): Difference[] {
    const before = this.#held;
    const next = new Map<string, Held>();
    for (const prompt of served) next.set(prompt.slug, reuse(before.get(prompt.slug), prompt));
    for (const slug of missing) {
      const kept = before.get(slug);
      if (kept !== undefined) next.set(slug, kept);
    }
    const wasKnown = this.#isKnown;
    this.#held = next;
    this.#missing = missing;
    this.#isComplete = true;
    this.#isKnown = true;
    return wasKnown ? differences(before, next, cursor) : [];
  }

  /** The moves of one commit, all of them at once. */
  commit(moves: readonly Move[], cursor: string): Difference[] {
    const before = this.#held;
    const next = new Map(before);
    const told = new Map<string, Promoted['kind']>();
    for (const move of moves) {
      if (move.type === 'withdrawn') next.delete(move.slug);
      else {
        next.set(move.slug, reuse(before.get(move.slug), move.served));
        told.set(move.slug, move.kind);
      }
    }
    const moved = new Set(moves.map(({ slug }) => slug));
    this.#held = next;
    this.#missing = new Set([...this.#missing].filter((slug) => !moved.has(slug)));
    return differences(before, next, cursor, told);
  }
}

/** What is the same stays the same object: who holds it, and what was computed of it, need not change. */
function reuse(held: Held | undefined, served: ServedPrompt): Held {
  return held !== undefined && isSame(held.served, served) ? held : hold(served);
}

function isSame(a: ServedPrompt, b: ServedPrompt): boolean {
  return (
    a.version === b.version &&
    a.contentHash === b.contentHash &&
    a.channel === b.channel &&
    Date.parse(a.promotedAt) === Date.parse(b.promotedAt)
  );
}

function differences(
  before: ReadonlyMap<string, Held>,
  after: ReadonlyMap<string, Held>,
  cursor: string,
  told: ReadonlyMap<string, Promoted['kind']> = new Map(),
): Difference[] {
  const found: Difference[] = [];
  for (const [slug, { served }] of before) {
    if (!after.has(slug)) found.push({ event: 'withdrawn', told: { slug, from: served.version, cursor } });
  }
  for (const [slug, held] of after) {
    const known = before.get(slug);
    if (known === held) continue;
    const kind = told.get(slug) ?? null;
    const from = known?.served.version ?? null;
    found.push({ event: 'promoted', told: { slug, from, to: held.served.version, kind, cursor } });
  }
  return found;
}
