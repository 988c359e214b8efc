import { LRUCache } from 'lru-cache';
import type { Served } from './representation.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * What the snapshot held under a key when an answer was made of it. Never the served version itself: an answer about a large prompt can be
 * small, and would keep all of it in memory after the snapshot has let it go.
 */
export interface Ingredient {
  readonly key: string;
  readonly revision: number;
  /** What whoever gets the answer is given. */
  readonly promptId: string;
  readonly version: number;
  readonly channel: string | null;
}

export function ingredientOf(key: string, { revision, source }: Served): Ingredient {
  const { promptId, version, channel } = source;
  return { key, revision, promptId, version, channel };
}

/** A whole answer, written once, sent many times. Its heads are the server's matter. */
export interface Answer {
  readonly madeOf: readonly Ingredient[];
  readonly body: Buffer;
}

/**
 * Answers as bytes. The key says all that an answer depends on beside what is served: who may read what, and what was asked in which
 * words. What is served is not in the key: an answer knows what it was made of.
 */
export interface AnswerCache<Kept extends Answer> {
  /** The answer under the key, if it is still right. */
  find(key: string): Kept | undefined;
  /** Keeps the answer, unless its key is too long: what is that long is not asked for twice. */
  keep(key: string, answer: Kept): void;
  readonly sizeBytes: () => number;
}

const KEY_LENGTH_MAX = 6_144;
/** Of an entry: its heads, as arrays and as texts. */
const OVERHEAD_BYTES = 3_072;
/** Of each ingredient: its key, which may be its own string. */
const INGREDIENT_BYTES = 512;

export function createAnswerCache<Kept extends Answer>(
  snapshot: Pick<Snapshot, 'revisionOf'>,
  bytesMax: number,
): AnswerCache<Kept> {
  const answers = new LRUCache<string, Kept>({
    maxSize: bytesMax,
    sizeCalculation: ({ body, madeOf }, key) =>
      body.length + 2 * key.length + INGREDIENT_BYTES * madeOf.length + OVERHEAD_BYTES,
  });

  return {
    find: (key) => {
      const answer = answers.get(key);
      if (answer === undefined || isRight(answer, snapshot)) return answer;
      answers.delete(key);
      return undefined;
    },
    keep: (key, answer) => {
      if (key.length <= KEY_LENGTH_MAX && isRight(answer, snapshot)) answers.set(key, answer);
    },
    sizeBytes: () => answers.calculatedSize,
  };
}

/**
 * The one rule: an answer is right for as long as the snapshot holds the very revisions that it was made of. The feed replaces what a
 * promotion, a rename or an archiving changes, all of a commit at once; what is pushed out for want of room, or forgotten with its
 * workspace, is not held any more. So no answer outlives what the snapshot would say, and none mixes two moments.
 */
function isRight({ madeOf }: Answer, snapshot: Pick<Snapshot, 'revisionOf'>): boolean {
  for (const { key, revision } of madeOf) if (snapshot.revisionOf(key) !== revision) return false;
  return true;
}
