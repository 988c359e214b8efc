import type { FeedLog } from './feed-types.ts';

export interface Contact {
  begin(): void;
  end(): void;
  readonly begun: () => boolean;
  /** Whether the last contact with the database succeeded. */
  readonly reachable: () => boolean;
  /** Since when every contact has succeeded. */
  readonly reachableSinceMs: () => number;
  readonly answered: () => void;
  readonly failed: (error: unknown) => void;
}

/** What is known of the database's health, told to the log when it changes. */
export function createContact(
  log: FeedLog,
  { onLost, nowMs }: { readonly onLost: () => void; readonly nowMs: () => number },
): Contact {
  let phase: 'starting' | 'begun' | 'ended' = 'starting';
  let reachable = false;
  let sinceMs = 0;
  return {
    begin: () => {
      phase = 'begun';
      reachable = true;
      sinceMs = nowMs();
    },
    end: () => {
      phase = 'ended';
    },
    begun: () => phase !== 'starting',
    reachable: () => reachable,
    reachableSinceMs: () => sinceMs,
    answered: () => {
      if (!reachable && phase === 'begun') log.info({}, 'the database answers again');
      if (!reachable) sinceMs = nowMs();
      reachable = true;
    },
    failed: (error: unknown) => {
      if (phase === 'ended') return;
      const wasReachable = reachable;
      reachable = false;
      if (!wasReachable && phase === 'begun') return;
      log.warn({ reason: reasonOf(error) }, 'the database does not answer: reads go on from memory');
      if (wasReachable) onLost();
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
