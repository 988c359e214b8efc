import { CloseCode, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { CliError } from './cli-error.ts';
import type { Connection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { WatchChannelSubscription } from './generated/operations.ts';
import { exitCodeOf } from './graphql-client.ts';

const WATCH_CHANNEL = /* GraphQL */ `
  subscription WatchChannel($channel: String!, $prompts: [String!], $after: String!) {
    channelEvents(channel: $channel, prompts: $prompts, after: $after, mode: ALL, bookmarks: true) {
      __typename
      cursor
      more
      ... on VersionPromoted {
        slug
        version {
          number
        }
        previousVersion {
          number
        }
        promotion {
          cursor
          kind
          createdAt
          reason
          breakGlass
          actor {
            kind
            name
          }
        }
      }
      ... on VersionWithdrawn {
        slug
        promotion {
          cursor
          kind
          createdAt
          reason
          breakGlass
          actor {
            kind
            name
          }
          previousVersion {
            number
          }
          version {
            number
          }
        }
      }
      ... on ChannelSnapshot {
        reason
        complete
        part
      }
    }
  }
`;
const HANDSHAKE_MS = 10_000;
/** Something comes every 15 s: what has been silent for three of those is gone. */
const SILENCE_MAX_MS = 45_000;
/** For the goodbye; the other side may be gone. */
const CLOSE_MS = 1_000;
/** What another attempt may answer differently. */
const PASSING = [
  'UNAVAILABLE',
  'OVERLOADED',
  'RATE_LIMITED',
  'TOO_MANY_STREAMS',
  'TIMEOUT',
  'INTERNAL_SERVER_ERROR',
];

export type WatchFrame = WatchChannelSubscription['channelEvents'];

export interface Watched {
  readonly channel: string;
  readonly prompts: readonly string[] | null;
  readonly after: string;
}

/** A connection that ended, and may be made again. */
export class ConnectionEnded extends Error {}

/**
 * The frames of one WebSocket, until it ends, the signal comes, or nobody takes them.
 * @throws ConnectionEnded, or CliError when another attempt would fare no better
 */
export async function* framesOf(
  connection: Connection,
  watched: Watched,
  signal: AbortSignal,
): AsyncGenerator<WatchFrame> {
  const inbox = new Inbox();
  const link = connect(connection, inbox);
  const stop = (): void => inbox.end(new ConnectionEnded('stopped'));
  signal.addEventListener('abort', stop);
  const watchdog = setTimeout(() => inbox.end(new ConnectionEnded('nothing came for 45 s')), SILENCE_MAX_MS);
  link.client.subscribe<WatchChannelSubscription>(
    { query: WATCH_CHANNEL, variables: { ...watched } },
    {
      next: ({ data, errors }) => {
        watchdog.refresh();
        if (data?.channelEvents) inbox.put(data.channelEvents);
        else inbox.end(refusal(errors ?? []));
      },
      error: (error) => inbox.end(endOf(error)),
      complete: () => inbox.end(new ConnectionEnded('the server ended the subscription')),
    },
  );
  try {
    yield* inbox.frames();
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(watchdog);
    link.close();
  }
}

function connect({ endpoint, apiKey }: Connection, inbox: Inbox) {
  const address = new URL(endpoint);
  address.protocol = endpoint.protocol.replace('http', 'ws');
  const sockets: WebSocket[] = [];
  const client = createClient({
    url: address.href,
    connectionParams: apiKey === null ? {} : { authorization: `Bearer ${apiKey}` },
    connectionAckWaitTimeout: HANDSHAKE_MS,
    // Another connection resumes elsewhere: from the cursor that has been reached by then.
    retryAttempts: 0,
    on: { closed: (event) => inbox.end(endOf(event)) },
    webSocketImpl: class extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols, { handshakeTimeout: HANDSHAKE_MS });
        sockets.push(this);
      }
    },
  });
  const close = (): void => {
    // While it is connecting, what becomes of that is nobody's matter any more.
    client.dispose()?.catch(() => undefined);
    const cut = (): void => sockets.forEach((socket) => socket.terminate());
    setTimeout(cut, CLOSE_MS).unref();
  };
  return { client, close };
}

/** Frames between who brings them and who takes them; after the end, what came before it is still taken. */
class Inbox {
  readonly #waiting: WatchFrame[] = [];
  #end: Error | null = null;
  #wake = (): void => undefined;

  put(frame: WatchFrame): void {
    this.#waiting.push(frame);
    this.#wake();
  }

  end(error: Error): void {
    this.#end ??= error;
    this.#wake();
  }

  async *frames(): AsyncGenerator<WatchFrame> {
    for (;;) {
      const frame = this.#waiting.shift();
      if (frame !== undefined) yield frame;
      else if (this.#end !== null) throw this.#end;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** What graphql-ws ends with: errors of the operation, an event of the socket, or an error of its own. */
function endOf(ended: unknown): Error {
  if (Array.isArray(ended)) return refusal(ended as readonly GraphError[]);
  const { code, reason, message } = ended as { code?: number; reason?: string; message?: string };
  if (code === CloseCode.Forbidden) {
    return new CliError(
      EXIT_CODE.UNAUTHORISED,
      'the server does not accept the API key: set PROMPTFORGE_API_KEY to a valid one',
    );
  }
  if (code === undefined) return new ConnectionEnded(message ?? 'the connection failed');
  return new ConnectionEnded(
    `closed with ${code}${reason === undefined || reason === '' ? '' : `, ${reason}`}`,
  );
}

interface GraphError {
  readonly message: string;
  readonly extensions?: { readonly code?: unknown };
}

function refusal([first]: readonly GraphError[]): Error {
  const code = first?.extensions?.code;
  const message = first?.message ?? 'the server sent no frame';
  if (typeof code === 'string' && PASSING.includes(code)) return new ConnectionEnded(message);
  return new CliError(exitCodeOf(code), `the server refuses: ${message}`);
}
