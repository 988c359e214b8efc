import type { RequestTopic, Topic } from '../domain/channel-topic.ts';
import type { Frame } from './frames.ts';
import type { DeliveryMode } from './member.ts';
import type { Start } from './resume.ts';

/** What a subscriber asks for. */
export interface FollowWish {
  readonly topic: Topic | RequestTopic;
  readonly mode: DeliveryMode;
  readonly bookmarks: boolean;
  readonly after: string | null;
  readonly snapshot: boolean;
  /** The name under which the subscriber says what it has applied; null: it does not say. */
  readonly instance: string | null;
}

/**
 * What a subscription answers to a subscriber: the source of its events as far as graphql is concerned. The transports hand it to the hub,
 * which executes once for all who see the same, so nobody iterates it.
 */
export class ChannelSubscription implements AsyncIterable<Frame> {
  readonly wish: FollowWish;
  readonly start: Start;

  constructor(wish: FollowWish, start: Start) {
    this.wish = wish;
    this.start = start;
  }

  [Symbol.asyncIterator](): AsyncIterator<Frame> {
    throw new Error('a channel subscription is followed through the hub');
  }
}
