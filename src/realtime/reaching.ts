const POKE_MS = 100;

export interface Reaching {
  /** Whether everything up to the sequence was applied, at once or within the time. Never rejects. */
  readonly reach: (workspaceId: string, seq: bigint, timeoutMs: number) => Promise<boolean>;
  /** Something of the workspace was applied. */
  progressed(workspaceId: string): void;
  /** Nobody waits any longer. */
  stop(): void;
}

export interface ReachingOptions {
  readonly hasApplied: (workspaceId: string, seq: bigint) => boolean;
  /** When what is being read just now was applied. Settles in any case. */
  readonly underWay: (workspaceId: string) => Promise<void>;
  /** Settles in any case. */
  readonly advance: (workspaceId: string) => Promise<void>;
}

interface Waiter {
  readonly seq: bigint;
  readonly settle: (reached: boolean) => void;
}

/** Who waits for this node to get somewhere, and looks for it meanwhile: an announcement may be lost. */
export function createReaching({ hasApplied, underWay, advance }: ReachingOptions): Reaching {
  const waiting = new Map<string, Set<Waiter>>();

  // However many wait for one workspace, it is looked for once.
  async function poke(workspaceId: string): Promise<void> {
    while (waiting.has(workspaceId)) await Promise.all([look(workspaceId), delay(POKE_MS)]);
  }

  // The announcement is mostly faster than whoever has committed: what is being read has it, and need not be read again.
  async function look(workspaceId: string): Promise<void> {
    await underWay(workspaceId);
    if (waiting.has(workspaceId)) await advance(workspaceId);
  }

  function join(workspaceId: string, waiter: Waiter): void {
    const others = waiting.get(workspaceId);
    others?.add(waiter);
    if (others !== undefined) return void look(workspaceId);
    waiting.set(workspaceId, new Set([waiter]));
    void poke(workspaceId);
  }

  function leave(workspaceId: string, waiter: Waiter): void {
    const waiters = waiting.get(workspaceId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) waiting.delete(workspaceId);
  }

  function settleEach(workspaceId: string, isDone: (waiter: Waiter) => boolean, reached: boolean): void {
    for (const waiter of waiting.get(workspaceId) ?? []) if (isDone(waiter)) waiter.settle(reached);
  }

  return {
    reach: async (workspaceId, seq, timeoutMs) => {
      if (hasApplied(workspaceId, seq)) return true;
      return new Promise((resolve) => {
        const settle = (reached: boolean) => {
          clearTimeout(timer);
          leave(workspaceId, waiter);
          resolve(reached);
        };
        const waiter = { seq, settle };
        const timer = setTimeout(() => settle(false), timeoutMs);
        timer.unref();
        join(workspaceId, waiter);
      });
    },
    progressed: (workspaceId) => settleEach(workspaceId, ({ seq }) => hasApplied(workspaceId, seq), true),
    stop: () => {
      for (const workspaceId of waiting.keys()) settleEach(workspaceId, () => true, false);
    },
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
