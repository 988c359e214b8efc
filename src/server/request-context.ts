import type { App } from '../actions/app.ts';
import type { Reader } from '../db/client.ts';
import { isUnavailable } from '../db/database-errors.ts';
import { createLoaders } from '../db/loaders.ts';
import type { Loaders } from '../db/loaders.ts';
import type { Actor } from '../domain/actor.ts';
import { isRequestTopic, narrowTopic } from '../domain/channel-topic.ts';
import { Unavailable } from '../domain/errors.ts';
import { ChannelSubscription } from '../realtime/channel-subscription.ts';
import type { FollowWish } from '../realtime/channel-subscription.ts';
import type { Hub } from '../realtime/hub.ts';
import type { CheckpointContext, Context } from '../schema/context.ts';
import type { KnownChannels } from './known-channels.ts';
import type { Log } from './log.ts';
import type { WaitForRollout, Waiting } from './rollout-wait.ts';

export interface ContextDeps {
  readonly app: App;
  readonly reader: Reader;
  readonly hub: Hub;
  readonly channels: KnownChannels;
  readonly checkpoints: CheckpointContext;
  readonly waitForRollout: WaitForRollout;
  readonly log: Log;
}

/** Makes what every resolver of one request has. */
export type ContextFactory = (request: {
  readonly actor: Actor;
  readonly requestId: string;
  readonly isShared?: boolean;
  /** The actions as this request hears of what it commits; absent: nobody asks. */
  readonly app?: App;
  /** Whether nobody is there any more to be answered; absent: somebody always is. */
  readonly isGone?: () => boolean;
}) => Context;

export function createContextFactory({
  app,
  reader,
  hub,
  channels,
  checkpoints,
  waitForRollout,
  log,
}: ContextDeps): ContextFactory {
  return ({ actor, requestId, isShared = false, app: ownApp = app, isGone = () => false }) => ({
    actor,
    app: ownApp,
    reader,
    requestId,
    isShared,
    checkpoints,
    readBack: (read) => read().catch((error: unknown) => refuseReadBack(error, log)),
    loaders: lazily(() => createLoaders(reader, actor.workspaceId)),
    waitForSubscribers: waiter(waitForRollout, { workspaceId: actor.workspaceId, isGone }),
    follow: async (wish: FollowWish) => {
      const { topic: wanted } = wish;
      if (isRequestTopic(wanted)) {
        if (wanted.channel !== null) await channels.require(actor.workspaceId, wanted.channel);
        return new ChannelSubscription(wish, { kind: 'now' });
      }
      const topic = narrowTopic(actor, wanted);
      await channels.require(actor.workspaceId, topic.channel);
      return new ChannelSubscription({ ...wish, topic }, await hub.startOf(actor.workspaceId, wish));
    },
  });
}

/** Most operations need none of them, and there are two dozen. */
function lazily(make: () => Loaders): Loaders {
  let made: Loaders | undefined;
  return new Proxy({} as Loaders, {
    get: (_target, name): unknown => {
      made ??= make();
      return Reflect.get(made, name);
    },
  });
}

/** Its time begins with the request, of which several mutations have a part each. */
function waiter(wait: WaitForRollout, request: Omit<Waiting, 'beganMs'>): Context['waitForSubscribers'] {
  const beganMs = performance.now();
  return (promotionId, ms) => wait({ ...request, beganMs }, promotionId, ms);
}

function refuseReadBack(error: unknown, log: Log): never {
  if (!isUnavailable(error)) throw error;
  log.warn({ err: error }, 'a committed change could not be read back for its answer');
  throw new Unavailable(
    'the change is committed, but its answer could not be read: repeat it with the same idempotency key only',
  );
}
