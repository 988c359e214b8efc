import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from './cli-error.ts';

const ATTEMPTS_MAX = 5;
const BACKOFF_BASE_MS = 250;
/** Longer is no matter of retrying: whoever started the command should know. */
const WAIT_MAX_MS = 60_000;

/** An answer that may be another one in a moment; `error` is what it comes to when it stays. */
export class TryLater extends Error {
  readonly error: CliError;
  /** What the server asked for, null when it did not say. */
  readonly retryAfterMs: number | null;

  constructor(error: CliError, retryAfterMs: number | null) {
    super(error.message);
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Repeats an attempt that ends with TryLater, at most five times, after what the server asked for or 250 ms doubling.
 * @throws CliError of the last attempt; whatever else the attempt throws, at once
 */
export async function withRetries<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TryLater)) throw error;
      // Half of it at random: clients that were turned away together should not come back together.
      const backoffMs = BACKOFF_BASE_MS * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
      const waitMs = error.retryAfterMs ?? backoffMs;
      if (tries === ATTEMPTS_MAX) throw error.error;
      if (waitMs > WAIT_MAX_MS) throw tooLong(error.error, waitMs);
      await delay(waitMs);
    }
  }
}

function tooLong({ exitCode, message }: CliError, waitMs: number): CliError {
  return new CliError(exitCode, `${message}; it asks to wait ${Math.ceil(waitMs / 1000)} s`);
}
