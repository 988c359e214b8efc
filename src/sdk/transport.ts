import { messageOf } from './errors.ts';
import { Gap } from './frame.ts';
import type { Frame } from './frame.ts';
import type { TransportName } from './types.ts';

/** Why a connection is over, in words that say what to do about it. */
export type Cause =
  /** It broke, or was never there. */
  | 'lost'
  /** This transport does not get through to this server. */
  | 'unsupported'
  /** This transport cannot work in this process at all. */
  | 'impossible'
  /** The credential is refused. */
  | 'unauthorised'
  /** The credential was good, and is so no longer, or for something else. */
  | 'revoked'
  /** What is asked for does not exist. */
  | 'refused'
  /** Later. */
  | 'busy'
  /** Elsewhere. */
  | 'draining'
  /** The cursor is none. */
  | 'badCursor'
  /** What came cannot be right. */
  | 'gap';

export interface End {
  readonly cause: Cause;
  readonly message: string;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** Of a `gap`: what was wrong. */
  readonly code?: Gap['code'];
}

/** What a connection is opened with. */
export interface Wish {
  /** The server's root, without a slash at its end. */
  readonly url: string;
  readonly credential: string;
  readonly workspace: string | null;
  readonly channel: string;
  readonly prompts: readonly string[] | null;
  readonly instance: string;
  /** Where to go on from; null: from all that is served now. */
  readonly after: string | null;
}

/** Who is told what comes. After `ended`, or once it gave the connection up, it listens to nothing. */
export interface Sink {
  /** Anything came, and be it a ping. */
  alive(): void;
  /** Resolves when it was taken. */
  frame(frame: Frame): Promise<void>;
  /** The server confirmed that all is as it was. */
  unchanged(cursor: string | null): void;
  ended(end: End): void;
}

/** A connection, or the try of one. */
export interface Opened {
  /** Gives it up at once. */
  close(): void;
}

export interface Transport {
  readonly name: TransportName;
  open(wish: Wish, sink: Sink): Opened;
}

export function endOfError(error: unknown): End {
  if (error instanceof Gap) return { cause: 'gap', message: error.message, code: error.code };
  return { cause: 'lost', message: messageOf(error) };
}
