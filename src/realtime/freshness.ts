export interface Freshness {
  /** The ends of the logs, as they were at `atMs`, were compared with what is applied: of these more is to come. */
  looked(atMs: number, behind: readonly string[]): void;
  /** Everything that was committed to a workspace up to `atMs` is applied. */
  caughtUp(workspaceId: string, atMs: number): void;
  /** 0: this node knows itself up to date. Otherwise how long ago it last did. */
  readonly lagMs: (workspaceId: string) => number;
  /** The largest lag of any workspace. */
  readonly worstLagMs: () => number;
  /** The last moment at which this node knew itself up to date with every workspace. */
  knownMs(): number;
}

export interface FreshnessOptions {
  /** How old a look may be that is relied on. */
  readonly lookAgeMaxMs: () => number;
  /** Monotonic: a clock that is set must make no node look old. */
  readonly nowMs: () => number;
}

/** What this node knows of how far it is behind the logs; knowledge ages. */
export function createFreshness({ lookAgeMaxMs, nowMs }: FreshnessOptions): Freshness {
  let lookedMs = nowMs();
  const caughtUpMs = new Map<string, number>();
  /** By workspace that is behind: when it last was not. */
  const behind = new Map<string, number>();

  const lastKnownMs = (workspaceId: string) => Math.max(lookedMs, caughtUpMs.get(workspaceId) ?? 0);

  return {
    looked: (atMs, workspaceIds) => {
      const sinceMs = workspaceIds.map((id) => [id, behind.get(id) ?? lastKnownMs(id)] as const);
      behind.clear();
      for (const [id, ms] of sinceMs) behind.set(id, ms);
      lookedMs = atMs;
    },
    caughtUp: (workspaceId, atMs) => {
      behind.delete(workspaceId);
      caughtUpMs.set(workspaceId, atMs);
    },
    lagMs: (workspaceId) => {
      const now = nowMs();
      const sinceMs = behind.get(workspaceId);
      if (sinceMs !== undefined) return Math.round(now - sinceMs);
      const ageMs = now - lastKnownMs(workspaceId);
      return ageMs <= lookAgeMaxMs() ? 0 : Math.round(ageMs);
    },
    worstLagMs: () => {
      const now = nowMs();
      const lookAgeMs = now - lookedMs;
      const unlookedMs = lookAgeMs <= lookAgeMaxMs() ? 0 : lookAgeMs;
      return Math.round(Math.max(unlookedMs, ...[...behind.values()].map((ms) => now - ms)));
    },
    knownMs: () => Math.min(lookedMs, ...behind.values()),
  };
}
