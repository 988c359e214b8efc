import type { Follows, Frame } from './history.ts';

/** One connection of a subscriber, whatever it is spoken over. */
export interface Session {
  /** Cuts the connection without a word. */
  cut(): void;
  /** Stops reading, so that the server's writes pile up. */
  pause(): void;
  resume(): void;
}

export interface SessionOptions {
  readonly url: string;
  readonly key: string;
  readonly follows: Follows;
  readonly after: string | null;
  readonly bookmarks: boolean;
  /** Asks for the text as well, so that frames are as large as the prompts. The event stream always has it. */
  readonly wide?: boolean;
  readonly onFrame: (frame: Frame) => void;
  /** Anything at all was heard, heartbeats included. */
  readonly onAlive: () => void;
  /** Once; `why` is a close code, an error's code, or what the socket said. */
  readonly onEnd: (why: string) => void;
}
