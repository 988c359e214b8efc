import type { Actor } from '../domain/actor.ts';
import type { RequestTopic, Topic } from '../domain/channel-topic.ts';
import type { Frame } from './frames.ts';
import type { Payload } from './payload.ts';
import type { Start } from './resume.ts';
import type { Tally } from './tallies.ts';
import { ownTold } from './told.ts';
import type { Told } from './told.ts';

/** How a stream reaches who follows. */
export type Transport = 'WEBSOCKET' | 'SSE';

export type DeliveryMode = 'LATEST' | 'ALL';

/** Why the hub ends a stream. */
export type EndReason = 'SLOW_CONSUMER' | 'WORKSPACE_GONE' | 'FAILED';

/** One open stream, as the hub sees it. */
export interface Sink {
  /** @returns false when the stream is closing and nothing was written. */
  send(payload: Payload): boolean;
  /** Bytes that were sent and that the other side has not taken yet. */
  unsentBytes(): number;
  /** Bytes that the other side has taken since the stream was opened, whoever sent them. */
  takenBytes(): number;
  /** Resolves when they were taken, or when the stream has ended. */
  drained(): Promise<void>;
  end(reason: EndReason): void;
}

/** What makes subscribers equal: they get the same bytes for the same frame. */
export interface Rendering {
  /** Document, variables and authorisation scope, as one text. */
  readonly key: string;
  /** Rejects when the database cannot be reached: it is called again then. */
  render(frame: Frame): Promise<Buffer>;
}

/** Who follows a topic, and how: all that is known of it for as long as it does. */
export interface Listener {
  readonly workspaceId: string;
  readonly actor: Actor;
  readonly transport: Transport;
  readonly topic: Topic | RequestTopic;
  readonly mode: DeliveryMode;
  /** The name under which it says what it has applied; null: it does not say. */
  readonly instance: string | null;
  readonly bookmarks: boolean;
}

/** One who begins to follow a topic. */
export interface Follower extends Listener {
  readonly start: Start;
  readonly rendering: Rendering;
  readonly sink: Sink;
}

/** A follower inside its group. What every frame needs of it stands here: with ten thousand members each further object is one more miss of the cache. */
export class Member {
  /** Equal ones share it. */
  readonly listener: Listener;
  readonly sink: Sink;
  readonly tally: Tally;
  /** How far those are who were told what it was told, when it is live. */
  readonly shared: Told;
  told: Told = ownTold(null);
  /** It once took less than it was sent: in mode LATEST it hears only of the newest from then on, until it has caught up. */
  isSlow = false;
  /** What it has heard of, when it is live: commits up to here are left out. */
  heard = 0n;
  /** Told apart by the run that catches it up: an older one stops by itself. */
  run = 0;

  constructor(
    listener: Listener,
    { sink, tally, shared }: { readonly sink: Sink; readonly tally: Tally; readonly shared: Told },
  ) {
    this.listener = listener;
    this.sink = sink;
    this.tally = tally;
    this.shared = shared;
  }

  /** It was sent something by itself, or all others were and it was not: from here on its place is its own. */
  tellAlone(cursor = this.told.cursor): void {
    if (this.told.sharedId === null) this.told.cursor = cursor;
    else this.told = ownTold(cursor);
  }
}
