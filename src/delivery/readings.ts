/** One read of the database that is under way. */
export interface Reading {
  /** How far into the log the state must be that it reads. */
  readonly neededSeq: bigint;
  /** What was read before is of another history. */
  readonly isVoid: boolean;
}

/**
 * What the feed says while the database is read. A read sees the state at one sequence and says which one (`readAt`). Whenever in between an
 * event arrives, what was read is right exactly if it is of a state that has everything of these slugs which was told until now: an older
 * one lost the race, or came from a database that lags behind.
 */
export interface Readings {
  begin(workspaceId: string, slugs: ReadonlySet<string>): Reading;
  end(workspaceId: string, reading: Reading): void;
  /** Up to `endSeq` everything is told; these slugs were touched last by those events. */
  tell(workspaceId: string, slugs: ReadonlyMap<string, bigint>, endSeq: bigint): void;
  /** The log begins anew at `endSeq`; undefined: it is gone. */
  reset(workspaceId: string, endSeq: bigint | undefined): void;
}

interface Mutable {
  slugs: ReadonlySet<string>;
  neededSeq: bigint;
  isVoid: boolean;
}

export function createReadings(headSeq: (workspaceId: string) => bigint | undefined): Readings {
  const told = new Map<string, bigint>();
  const underWay = new Map<string, Set<Mutable>>();

  return {
    begin: (workspaceId, slugs) => {
      // What is told right now counts already; before the first telling, what the feed began with.
      const neededSeq = told.get(workspaceId) ?? headSeq(workspaceId) ?? 0n;
      const reading: Mutable = { slugs, neededSeq, isVoid: false };
      const others = underWay.get(workspaceId) ?? new Set();
      underWay.set(workspaceId, others.add(reading));
      return reading;
    },
    end: (workspaceId, reading) => {
      const others: Set<Reading> | undefined = underWay.get(workspaceId);
      others?.delete(reading);
      if (others?.size === 0) underWay.delete(workspaceId);
    },
    tell: (workspaceId, slugs, endSeq) => {
      told.set(workspaceId, endSeq);
      for (const reading of underWay.get(workspaceId) ?? []) {
        for (const slug of reading.slugs) {
          const seq = slugs.get(slug) ?? 0n;
          if (seq > reading.neededSeq) reading.neededSeq = seq;
        }
      }
    },
    reset: (workspaceId, endSeq) => {
      if (endSeq === undefined) told.delete(workspaceId);
      else told.set(workspaceId, endSeq);
      for (const reading of underWay.get(workspaceId) ?? []) reading.isVoid = true;
    },
  };
}

export function isRight({ isVoid, neededSeq }: Reading, readAt: bigint): boolean {
  return !isVoid && readAt >= neededSeq;
}
