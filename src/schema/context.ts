import type { App } from '../actions/app.ts';
import type { Reader } from '../db/client.ts';
import type { Loaders } from '../db/loaders.ts';
import type { Actor } from '../domain/actor.ts';
import type { CheckpointSigner, SignedCheckpoint } from '../domain/checkpoint.ts';
import type { FollowWish } from '../realtime/channel-subscription.ts';
import type { Frame } from '../realtime/frames.ts';

/** Signing the log: who signs (null: nobody), and the way to the place outside that checkpoints are kept in. */
export interface CheckpointContext {
  readonly signer: CheckpointSigner | null;
  readonly publish: (checkpoint: SignedCheckpoint) => Promise<void>;
}

/** What every resolver of one request has. Whatever it reads is scoped by `actor.workspaceId`. */
export interface Context {
  readonly actor: Actor;
  readonly app: App;
  readonly reader: Reader;
  readonly loaders: Loaders;
  readonly requestId: string;
  /** Whether what is answered goes to others too, who may see as much: frames of subscriptions. */
  readonly isShared: boolean;
  readonly checkpoints: CheckpointContext;
  /**
   * Reads what an action has just committed. When that fails, the refusal says that the change stands: nobody must repeat it without its
   * idempotency key.
   */
  readonly readBack: <T>(read: () => Promise<T>) => Promise<T>;
  /**
   * Waits, after the commit, until everybody who says what it has applied has applied the promotions of this one's commit, or for so long. Never
   * rejects: what is committed stands.
   */
  readonly waitForSubscribers: (promotionId: string, ms: number) => Promise<void>;
  /** Begins to follow a channel, or what is asked for: what a subscription answers with. @throws ChannelNotFound, BadCursor, Unavailable */
  readonly follow: (wish: FollowWish) => Promise<AsyncIterable<Frame>>;
}
