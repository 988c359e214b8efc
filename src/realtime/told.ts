import { randomUUID } from 'node:crypto';

/** How far somebody was told. Members of a group who were told the same share one: it moves for all of them at once. */
export interface Told {
  /** Unique on its node; null: it is of one follower alone. */
  readonly sharedId: string | null;
  /** The cursor that was sent last; null: none yet. */
  cursor: string | null;
}

export function sharedTold(): Told {
  return { sharedId: randomUUID(), cursor: null };
}

export function ownTold(cursor: string | null): Told {
  return { sharedId: null, cursor };
}
