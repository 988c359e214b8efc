import type { FeedLog } from './feed-types.ts';

/** Longer than a poll and what its statement may take: a database that answers nothing for so long is away. */
const SILENCE_MS = 8_000;
const AWAY_MS = 2_000;

export interface Contact {
  begin(): void;
  end(): void;
  readonly begun: () => boolean;
  /** Whether the last contact with the database succeeded. */
  readonly reachable: () => boolean;
  /** Since when the database has answered again and again, whatever failed in between; null: it has not for a while. */
  readonly answeringSinceMs: () => number | null;
  /** Nothing was answered for a while: more than a connection that was lost. */
  readonly isAway: () => boolean;
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
  let [sinceMs, lastAnswerMs] = [0, 0];

  function noteAnswer(): void {
    const now = nowMs();
    if (now - lastAnswerMs > SILENCE_MS) sinceMs = now;
    lastAnswerMs = now;
  }

  return {
    begin: () => {
      phase = 'begun';
      reachable = true;
      noteAnswer();
    },
    end: () => {
      phase = 'ended';
    },
    begun: () => phase !== 'starting',
    reachable: () => reachable,
    isAway: () => !reachable && nowMs() - lastAnswerMs > AWAY_MS,
    answeringSinceMs: () => (nowMs() - lastAnswerMs > SILENCE_MS ? null : sinceMs),
    answered: () => {
      if (!reachable && phase === 'begun') log.info({}, 'the database answers again');
      noteAnswer();
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
