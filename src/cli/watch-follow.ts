import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from './cli-error.ts';
import type { Connection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { ConnectionEnded, framesOf } from './watch-frames.ts';
import type { Watched, WatchFrame } from './watch-frames.ts';

const RETRY_MAX_MS = 30_000;
/** A server that was never reached over a WebSocket does not take one, or something in between does not. */
const FIRST_ATTEMPTS_MAX = 4;

/** Frames of one commit, whole, and the cursor behind them. */
export interface WatchedCommit {
  readonly cursor: string;
  readonly frames: readonly WatchFrame[];
}

export interface Following {
  readonly connection: Connection;
  readonly watched: Watched;
  readonly signal: AbortSignal;
  /** The longest first wait after a lost connection; each further one is twice as long. */
  readonly retryBaseMs: number;
  onLost(reason: string): void;
  onBack(afterMs: number): void;
}

/**
 * What a channel tells, commit by commit, across connections: each goes on behind the last commit that was told whole, so that
 * none is lost and none comes twice. Ends when the signal says so.
 * @throws CliError when going on makes no sense
 */
export async function* follow(following: Following): AsyncGenerator<WatchedCommit> {
  const { connection, watched, signal } = following;
  let { after } = watched;
  let failures = 0;
  let lostAt: number | null = null;
  let wasThere = false;
  while (!signal.aborted) {
    try {
      for await (const commit of commitsOf(framesOf(connection, { ...watched, after }, signal))) {
        if (lostAt !== null) following.onBack(Date.now() - lostAt);
        [after, failures, lostAt, wasThere] = [commit.cursor, 0, null, true];
        yield commit;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ConnectionEnded)) throw error;
      failures += 1;
      if (!wasThere && failures === FIRST_ATTEMPTS_MAX) throw notTaken(connection, error);
      if (lostAt === null && wasThere) {
        lostAt = Date.now();
        following.onLost(error.message);
      }
      await delay(waitMs(failures, following.retryBaseMs), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The first time at random, so that clients of a server that restarted do not come back together; then longer. */
function waitMs(failures: number, baseMs: number): number {
  if (failures === 1) return Math.random() * baseMs;
  return Math.min(RETRY_MAX_MS, baseMs * 2 ** (failures - 2)) * (0.5 + Math.random() / 2);
}

function notTaken({ endpoint }: Connection, { message }: Error): CliError {
  return new CliError(
    EXIT_CODE.UNREACHABLE,
    `${endpoint.href} answers, but takes no WebSocket (${message}): a proxy in between must let them pass`,
  );
}

/** What comes with `more` belongs together; of a commit that was cut off in the middle nothing is told. */
async function* commitsOf(frames: AsyncGenerator<WatchFrame>): AsyncGenerator<WatchedCommit> {
  let open: WatchFrame[] = [];
  for await (const frame of frames) {
    open.push(frame);
    if (frame.more) continue;
    yield { cursor: frame.cursor, frames: open };
    open = [];
  }
}
