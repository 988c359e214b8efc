import { keysetConnection, keysetPage } from '../db/keyset.ts';
import type { KeysetOrder } from '../db/keyset.ts';
import { mayReadAll } from '../domain/actor-reading.ts';
import type { Subscriber } from '../db/subscriber-loaders.ts';
import { builder } from './builder.ts';
import { connectionOf } from './connection.ts';

const NEWEST_FIRST: KeysetOrder = {
  name: 'subscribers',
  columns: [
    { name: 'since', type: 'date', direction: 'desc' },
    { name: 'nodeId', type: 'uuid', direction: 'desc' },
    { name: 'id', type: 'string', direction: 'desc' },
  ],
};

const StreamTransport = builder.enumType('StreamTransport', {
  description: 'How a stream reaches who listens.',
  values: {
    WEBSOCKET: { description: 'A GraphQL subscription over a WebSocket.' },
    SSE: {
      description: 'Server-sent events: a GraphQL subscription over HTTP, or the event stream of a channel.',
    },
  } as const,
});

const SubscriberRef = builder.objectRef<Subscriber>('Subscriber').implement({
  description:
    'An open stream, on any node. Nodes list who comes and goes at once, and how far each is every 5 s; those of a node that was not heard of for 30 s are not shown.',
  fields: (t) => ({
    actor: t.field({
      type: 'Actor',
      description: 'Who listens; one with several streams is several subscribers.',
      resolve: ({ actorKind, actorName }) => ({ kind: actorKind, name: actorName }),
    }),
    transport: t.expose('transport', { type: StreamTransport, description: 'How it is reached.' }),
    prompts: t.field({
      type: ['String'],
      nullable: true,
      description:
        'The slugs and folders that it listens to, as it asked for them; null: all of the workspace.',
      resolve: ({ prompts }) => prompts as string[] | null,
    }),
    instance: t.exposeString('instance', {
      nullable: true,
      description:
        'The name that the process gives itself, to say what it has applied; null: it does not say.',
    }),
    appliedCursor: t.string({
      nullable: true,
      description:
        'Everything up to this cursor it has applied, as it says itself; null: it has not said yet.',
      resolve: ({ actorId, channelName: channel, instance }, _args, { loaders }) =>
        instance === null ? null : loaders.appliedCursor.load({ actorId, channel, instance }),
    }),
    since: t.expose('since', { type: 'DateTime', description: 'Since when it is open.' }),
    lastCursor: t.string({
      nullable: true,
      description:
        "The cursor that it was sent last: how far it is, beside the workspace's `headCursor`; null: none yet.",
      // What it shares with the others that were told the same; until that is listed, what it was told itself.
      resolve: async ({ nodeId, placeId, lastCursor }, _args, { loaders }) =>
        placeId === null ? lastCursor : ((await loaders.streamPlace.load({ nodeId, placeId })) ?? lastCursor),
    }),
  }),
});

builder.prismaObjectField('Channel', 'subscribers', (t) =>
  t.connection(
    {
      type: SubscriberRef,
      description:
        'Who listens to the channel now, those who came last first; for who may read everything of the workspace.',
      authScopes: (_channel, _args, { actor }) => mayReadAll(actor),
      resolve: async ({ id: channelId }, args, { loaders }) => {
        const page = keysetPage(NEWEST_FIRST, args);
        const rows = await loaders.subscribers.load({ channelId, page });
        return keysetConnection(page, rows, () => loaders.subscriberCount.load(channelId));
      },
    },
    ...connectionOf('Subscriber', 'subscribers'),
  ),
);
