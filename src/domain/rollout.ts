import { InvalidInput } from './errors.ts';
import { patternsCover } from './patterns.ts';

const WAIT_MS_MAX = 15_000;

/** How far a promotion has come among those who listen now. */
export interface Rollout {
  /** Instances that say what they have applied. */
  readonly subscribers: number;
  /** Of those, how many have applied the promotion. */
  readonly applied: number;
  /** Streams that do not say. */
  readonly silent: number;
}

/** Those of a channel's listeners who follow the same and are equally far. */
export interface Listeners {
  /** Slugs and folders; null: all of the workspace. */
  readonly prompts: readonly string[] | null;
  /** The sequence up to which they have applied everything; null: they have not said anything yet. */
  readonly seq: bigint | null;
  readonly instances: number;
  readonly silent: number;
}

/** Among the listeners of the channel that moved: of the prompt of this slug, by a commit that ends at this sequence. */
export function rolloutOf(listeners: readonly Listeners[], slug: string, seq: bigint): Rollout {
  const following = listeners.filter(({ prompts }) => patternsCover(prompts, slug));
  return {
    subscribers: sum(following, ({ instances }) => instances),
    applied: sum(following, (some) => (hasApplied(some, seq) ? some.instances : 0)),
    silent: sum(following, ({ silent }) => silent),
  };
}

/** Whether everybody who follows any of the prompts, and says what it has applied, has applied the commit that ends at this sequence. */
export function isRolledOut(listeners: readonly Listeners[], slugs: readonly string[], seq: bigint): boolean {
  const behind = listeners.filter((some) => some.instances > 0 && !hasApplied(some, seq));
  return !behind.some(({ prompts }) => slugs.some((slug) => patternsCover(prompts, slug)));
}

/** @throws InvalidInput */
export function requireWaitMs(ms: number | null | undefined): number {
  const wanted = ms ?? 0;
  if (wanted >= 0 && wanted <= WAIT_MS_MAX) return wanted;
  throw new InvalidInput('waitForSubscribersMs', `is ${wanted}, 0 to ${WAIT_MS_MAX} are allowed`);
}

function hasApplied({ seq: applied }: Listeners, seq: bigint): boolean {
  return applied !== null && applied >= seq;
}

function sum<T>(of: readonly T[], count: (one: T) => number): number {
  return of.reduce((total, one) => total + count(one), 0);
}
