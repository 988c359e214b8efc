import type { FeedLog } from './feed-types.ts';

export interface Contact {
  begin(): void;
  end(): void;
  readonly begun: () => boolean;
  /** Whether the last contact with the database succeeded. */
  readonly reachable: () => boolean;
  readonly answered: () => void;
  readonly failed: (error: unknown) => void;
}

/** What is known of the database's health, told to the log when it changes. */
export function createContact(log: FeedLog, { onLost }: { readonly onLost: () => void }): Contact {
  let phase: 'starting' | 'begun' | 'ended' = 'starting';
  let reachable = false;
  return {
    begin: () => {
      phase = 'begun';
      reachable = true;
    },
    end: () => {
      phase = 'ended';
    },
    begun: () => phase !== 'starting',
    reachable: () => reachable,
    answered: () => {
      if (!reachable && phase === 'begun') log.info({}, 'the database answers again');
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
