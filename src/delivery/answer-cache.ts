import { LRUCache } from 'lru-cache';
import type { Snapshot } from './snapshot.ts';

/** What the snapshot held under a key when an answer was made of it. */
export interface Ingredient {
  readonly key: string;
  /** The object itself: the snapshot never changes what it holds, it replaces it. */
  readonly held: object;
}

/** A whole answer, written once, sent many times. Headers are flat: name, value, name, value. */
export interface Answer {
  readonly madeOf: readonly Ingredient[];
  readonly etag: string;
  readonly headers200: readonly string[];
  readonly headers304: readonly string[];
  readonly body: Buffer;
}

/** What the cache looks at. */
type Keepable = Pick<Answer, 'madeOf' | 'body'>;

/**
 * Answers as bytes. The key says all that an answer depends on beside what is served: who may read what, and what was asked in which
 * words. What is served is not in the key: an answer knows what it was made of.
 */
export interface AnswerCache<Kept extends Keepable> {
  /** The answer under the key, if it is still right. */
  find(key: string): Kept | undefined;
  /** Keeps the answer, unless its key is too long: what is that long is not asked for twice. */
  keep(key: string, answer: Kept): void;
  readonly sizeBytes: () => number;
}

const KEY_LENGTH_MAX = 6_144;
/** Of an entry: its arrays and their strings. */
const OVERHEAD_BYTES = 1_024;

export function createAnswerCache<Kept extends Keepable>(
  snapshot: Pick<Snapshot, 'holds'>,
  bytesMax: number,
): AnswerCache<Kept> {
  const answers = new LRUCache<string, Kept>({
    maxSize: bytesMax,
    sizeCalculation: ({ body }, key) => body.length + 2 * key.length + OVERHEAD_BYTES,
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
 * The one rule: an answer is right for as long as the snapshot holds the very things that it was made of. The feed replaces what a
 * promotion, a rename or an archiving changes, all of a commit at once; what is pushed out for want of room, or forgotten with its
 * workspace, is not held any more. So no answer outlives what the snapshot would say, and none mixes two moments.
 */
function isRight({ madeOf }: Keepable, snapshot: Pick<Snapshot, 'holds'>): boolean {
  for (const { key, held } of madeOf) if (snapshot.holds(key) !== held) return false;
  return true;
}
