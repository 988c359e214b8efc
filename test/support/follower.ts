import { openAcknowledged } from './socket.ts';
import type { TestSocket } from './socket.ts';

const CHANNEL_EVENT_FIELDS = `
  __typename cursor more
  ... on VersionPromoted {
    slug promotion { kind cursor } prompt { slug } version { number template } previousVersion { number }
  }
  ... on VersionWithdrawn { slug promotion { kind } }
  ... on ChannelSnapshot {
    reason complete
    entries {
      since channel { name } prompt { slug } version { number template }
      promotion { kind version { number } previousVersion { number } }
    }
  }
  ... on Bookmark { lagMs }
`;

interface Event {
  readonly __typename: string;
  readonly cursor: string;
  readonly more: boolean;
  readonly slug?: string;
  readonly version?: { number: number; template: string };
  readonly reason?: string;
  readonly complete?: boolean;
  readonly entries?: readonly { prompt: { slug: string }; version: { number: number } }[];
  readonly [field: string]: unknown;
}

/** One who follows `channelEvents(...)`. */
export interface Follower {
  readonly socket: TestSocket;
  next(): Promise<Event>;
  /** As next, past bookmarks. */
  nextEvent(): Promise<Event>;
}

export async function openFollower(
  server: { readonly url: string; readonly adminKey: string },
  args: string,
  { key = server.adminKey, id = '1' }: { readonly key?: string; readonly id?: string } = {},
): Promise<Follower> {
  const socket = await openAcknowledged(server.url, key);
  const query = `subscription { channelEvents(${args}) { ${CHANNEL_EVENT_FIELDS} } }`;
  socket.send({ type: 'subscribe', id, payload: { query } });
  const next = async (): Promise<Event> => {
    const message = await socket.next();
    const { data, errors } = (message.payload ?? {}) as { data?: { channelEvents: Event }; errors?: unknown };
    if (message.type !== 'next' || data === undefined || errors !== undefined)
      throw new Error(`no event: ${JSON.stringify(message)}`);
    return data.channelEvents;
  };
  const nextEvent = async (): Promise<Event> => {
    for (;;) {
      const event = await next();
      if (event.__typename !== 'Bookmark') return event;
    }
  };
  return { socket, next, nextEvent };
}
