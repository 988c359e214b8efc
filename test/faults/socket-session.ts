import { WebSocket } from 'ws';
import type { Frame, Item } from './history.ts';
import { innerId } from './promoters.ts';
import type { Session, SessionOptions } from './session.ts';

const FOLLOW = `subscription ($channel: String!, $prompts: [String!], $after: String, $snapshot: Boolean, $mode: DeliveryMode, $bookmarks: Boolean, $wide: Boolean = false) {
  channelEvents(channel: $channel, prompts: $prompts, after: $after, snapshot: $snapshot, mode: $mode, bookmarks: $bookmarks) {
    __typename cursor more
    ... on VersionPromoted { promotion { id } prompt { slug } version { number template @include(if: $wide) } }
    ... on VersionWithdrawn { slug promotion { id } }
    ... on ChannelSnapshot { reason complete entries { prompt { slug } version { number } } }
    ... on Bookmark { lagMs }
  }
}`;

interface Message {
  readonly type: string;
  readonly payload?: { readonly data?: { readonly channelEvents?: ChannelEvent }; readonly errors?: Errors };
}
type Errors = readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];

interface ChannelEvent {
  readonly __typename: string;
  readonly cursor: string;
  readonly more: boolean;
  readonly promotion?: { readonly id: string };
  readonly prompt?: { readonly slug: string };
  readonly version?: { readonly number: number };
  readonly slug?: string;
  readonly reason?: string;
  readonly complete?: boolean;
  readonly entries?: readonly { readonly prompt: { slug: string }; readonly version: { number: number } }[];
  readonly lagMs?: number;
}

/** graphql-transport-ws by hand: what it does not know it ignores, as every client of ours must. */
export function openSocketSession(options: SessionOptions): Session {
  const socket = new WebSocket(`${options.url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
    perMessageDeflate: false,
  });
  let ended = false;
  const end = (why: string) => {
    if (ended) return;
    ended = true;
    options.onEnd(why);
  };
  const send = (message: object) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  const onMessage = (message: Message) => {
    if (message.type === 'connection_ack') send({ id: '1', type: 'subscribe', payload: operation(options) });
    if (message.type === 'ping') send({ type: 'pong' });
    if (message.type === 'complete') end('complete');
    const errors = message.type === 'error' ? message.payload : message.payload?.errors;
    if (errors !== undefined) end(`error ${codeOf(errors as Errors)}`);
    const event = message.payload?.data?.channelEvents;
    if (message.type === 'next' && event !== undefined) options.onFrame(frameOf(event));
  };
  socket.on('open', () =>
    send({ type: 'connection_init', payload: { authorization: `Bearer ${options.key}` } }),
  );
  socket.on('message', (data: Buffer) => {
    options.onAlive();
    onMessage(JSON.parse(data.toString('utf8')) as Message);
    if (ended) socket.terminate();
  });
  socket.on('ping', options.onAlive);
  socket.on('close', (code, reason) => end(`${code} ${reason.toString('utf8')}`.trim()));
  socket.on('error', (error) => end(error.message));
  return { cut: () => socket.terminate(), pause: () => socket.pause(), resume: () => socket.resume() };
}

function operation({ follows, after, bookmarks, wide = false }: SessionOptions) {
  const { channel, prompts, mode } = follows;
  const snapshot = after === null;
  return { query: FOLLOW, variables: { channel, prompts, after, snapshot, mode, bookmarks, wide } };
}

function codeOf(errors: Errors): string {
  return errors[0]?.extensions?.code ?? errors[0]?.message ?? 'without a code';
}

function frameOf(event: ChannelEvent): Frame {
  const place = { cursor: event.cursor, more: event.more };
  const promotion = innerId(event.promotion?.id ?? '');
  switch (event.__typename) {
    case 'VersionPromoted': {
      const version = event.version?.number ?? null;
      return { kind: 'promoted', slug: event.prompt?.slug ?? '', version, promotion, ...place };
    }
    case 'VersionWithdrawn':
      return { kind: 'withdrawn', slug: event.slug ?? '', version: null, promotion, ...place };
    case 'ChannelSnapshot': {
      const entries = (event.entries ?? []).map((entry): Item => ({
        slug: entry.prompt.slug,
        version: entry.version.number,
      }));
      const { reason = '', complete = false } = event;
      return { kind: 'snapshot', reason, complete, entries, ...place };
    }
    case 'Bookmark':
      return { kind: 'bookmark', lagMs: event.lagMs ?? 0, ...place };
    default:
      return { kind: 'unknown', type: event.__typename };
  }
}
