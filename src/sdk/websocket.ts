import { messageOf } from './errors.ts';
import { createClient } from 'graphql-ws/client';
import { causeOf, endOfClose } from './causes.ts';
import { CHANNEL_EVENTS } from './documents.ts';
import { parsed } from './event-stream.ts';
import type { ChannelEventsSubscriptionVariables } from './generated/operations.ts';
import { frameOfGraph } from './graph-frame.ts';
import { parseFields } from './served-prompt.ts';
import { endOfError } from './transport.ts';
import type { End, Opened, Sink, Transport, Wish } from './transport.ts';
import type { SocketClass, WebSocketLike } from './web-socket.ts';

/** GraphQL over WebSocket, by the client of graphql-ws; when and where to connect again is not its business. */
export function webSocket(findSocketClass: () => Promise<SocketClass | null>): Transport {
  return {
    name: 'websocket',
    open(wish, sink) {
      let isGivenUp = false;
      let opened: Opened | null = null;
      const open = async (): Promise<void> => {
        const socketClass = await findSocketClass();
        if (isGivenUp) return;
        if (socketClass === null) sink.ended(NO_WEB_SOCKET);
        else opened = subscribe(socketClass, wish, sink);
      };
      open().catch((error: unknown) => sink.ended({ cause: 'impossible', message: messageOf(error) }));
      return {
        close: () => {
          isGivenUp = true;
          opened?.close();
        },
      };
    },
  };
}

const NO_WEB_SOCKET: End = {
  cause: 'impossible',
  message: 'no WebSocket here, and no package "ws"',
};

function subscribe(socketClass: SocketClass, wish: Wish, sink: Sink): Opened {
  let socket: WebSocketLike | null = null;
  const client = createClient({
    url: `${wish.url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: capturing(socketClass, (made) => (socket = made)),
    connectionParams: {
      authorization: `Bearer ${wish.credential}`,
      ...(wish.workspace === null ? {} : { workspace: wish.workspace }),
    },
    retryAttempts: 0,
    on: {
      message: () => sink.alive(),
      // The one code after which it would connect again by itself, at once and from where it began.
      closed: (event) => {
        if (!isCloseEvent(event) || event.code !== 1000) return;
        unsubscribe();
        sink.ended(endOf(event));
      },
    },
  });
  const { channel, prompts, instance, after } = wish;
  const variables: ChannelEventsSubscriptionVariables = {
    channel,
    prompts: prompts === null ? null : [...prompts],
    after,
    snapshot: after === null,
    instance,
  };
  const unsubscribe: () => void = client.subscribe(
    { query: CHANNEL_EVENTS, variables },
    {
      next: (answer) => {
        try {
          const end = take(answer, channel, sink);
          if (end !== null) sink.ended(end);
        } catch (error) {
          sink.ended(endOfError(error));
        }
      },
      error: (error) => sink.ended(endOf(error)),
      complete: () => sink.ended({ cause: 'lost', message: 'the subscription ended' }),
    },
  );
  return {
    close: () => {
      // Says "complete" and closes where the connection stands; what has no answer to that must not keep a process alive.
      unsubscribe();
      if (socket?.terminate === undefined) socket?.close();
      else socket.terminate();
    },
  };
}

/** Null: it was a frame. @throws Gap */
function take(
  answer: { readonly data?: unknown; readonly errors?: unknown },
  channel: string,
  sink: Sink,
): End | null {
  const isTold = typeof answer.data === 'object' && answer.data !== null;
  // A frame of which a part could not be had is judged by what is there.
  if (Array.isArray(answer.errors) && !isTold) return endOfErrors(answer.errors as readonly unknown[]);
  const frame = parsed(() => {
    const { channelEvents } = parseFields(answer.data, 'the data');
    return frameOfGraph(channelEvents, channel);
  });
  sink.frame(frame).catch(() => undefined);
  return null;
}

function endOf(error: unknown): End {
  if (Array.isArray(error)) return endOfErrors(error as readonly unknown[]);
  if (isCloseEvent(error)) return endOfClose(error.code, error.reason);
  // An "error" event: `ws` keeps the reason in it, a browser tells none.
  const reason = typeof error === 'object' && error !== null && 'error' in error ? error.error : error;
  const message = reason instanceof Error ? messageOf(reason) : 'the WebSocket could not be opened';
  const status = /Unexpected server response: (\d+)/.exec(message)?.[1];
  // The credential is not sent with the upgrade: whatever refuses that does not know WebSockets, or will not have them.
  const isRefused = status !== undefined && !/^(429|5..)$/.test(status);
  return { cause: isRefused ? 'unsupported' : 'lost', message };
}

interface GraphError {
  readonly message?: string;
  readonly extensions?: { readonly code?: string; readonly retryAfter?: number };
}

function endOfErrors(errors: readonly unknown[]): End {
  const { message = 'without a message', extensions = {} } = (errors[0] ?? {}) as GraphError;
  const { code = '', retryAfter } = extensions;
  const retryAfterMs = typeof retryAfter === 'number' ? retryAfter * 1_000 : undefined;
  return {
    cause: causeOf(code) ?? 'lost',
    message: `the subscription was refused: ${code} ${message}`,
    retryAfterMs,
  };
}

function isCloseEvent(error: unknown): error is { readonly code: number; readonly reason: string } {
  return typeof error === 'object' && error !== null && 'code' in error && 'reason' in error;
}

/** The same class, and who makes one of it tells. */
function capturing(Socket: SocketClass, made: (socket: WebSocketLike) => void): SocketClass {
  return class extends Socket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      made(this);
    }
  };
}
