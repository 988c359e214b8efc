import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, handleProtocols } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { isUnavailable } from '../db/database-errors.ts';
import type { Actor } from '../domain/actor.ts';
import { GRAPHQL_PATH } from './paths.ts';
import { STREAM_LIMITS } from './streams.ts';
import type { StreamTimes } from './streams.ts';
import { WebSocketConnection } from './websocket-connection.ts';
import { createWebSocketOperations } from './websocket-operations.ts';
import type { WebSocketDeps } from './websocket-operations.ts';

/** `closeTimeout`: who does not answer our close, or does not even read it, is gone after so long (its type definition lacks it). */
const FRAME_LIMITS = { maxPayload: 64 * 1024, maxFragments: 16, closeTimeout: 5_000 };

export interface WebSocketOptions extends WebSocketDeps {
  readonly corsOrigins: readonly string[];
  readonly times: StreamTimes;
}

/** Takes WebSockets on the server's GraphQL path. */
export function attachWebSocket(server: Server, options: WebSocketOptions): void {
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    handleProtocols,
    ...FRAME_LIMITS,
  });
  const open = createOpener(options);
  async function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const admission = await admit(options, req);
    if (socket.destroyed) return;
    if ('status' in admission) return refuse(socket, admission);
    webSockets.handleUpgrade(req, socket, head, (webSocket) => open(webSocket, req, admission.actor));
  }
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    upgrade(req, socket, head).catch((error: unknown) => {
      options.log.warn({ err: error }, 'a WebSocket could not be admitted');
      refuse(socket, { status: isUnavailable(error) ? 503 : 500, detail: 'try again' });
    });
  });
}

interface Refused {
  readonly status: number;
  readonly detail: string;
}

/** Whoever is refused is told before the protocol is switched. */
async function admit(
  { authenticator, streams, corsOrigins }: WebSocketOptions,
  req: IncomingMessage,
): Promise<{ readonly actor: Actor | null } | Refused> {
  const [path] = (req.url ?? '').split('?', 1);
  if (path !== GRAPHQL_PATH) return { status: 404, detail: `WebSockets are taken at ${GRAPHQL_PATH}` };
  if (!isOriginAllowed(req, corsOrigins)) return { status: 403, detail: 'this origin may not open sockets' };
  const refusal = streams.refusal();
  if (refusal !== null) return { status: 503, detail: refusal === 'DRAINING' ? 'draining' : 'overloaded' };
  const { authorization } = req.headers;
  // Browsers cannot set headers on a WebSocket: they say who they are in connection_init.
  if (authorization === undefined) return { actor: null };
  const actor = await authenticator.authenticate(authorization);
  return actor === null
    ? { status: 401, detail: 'send a valid API key as "Authorization: Bearer <key>"' }
    : { actor };
}

/** Programs send no origin; a page may open sockets where it came from, or where the operator says so. */
function isOriginAllowed({ headers }: IncomingMessage, corsOrigins: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || corsOrigins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

function refuse(socket: Duplex, { status, detail }: Refused): void {
  const body = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail });
  const challenge = status === 401 ? 'WWW-Authenticate: Bearer realm="promptforge"\r\n' : '';
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n${challenge}` +
      `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function createOpener(options: WebSocketOptions) {
  const operations = createWebSocketOperations(options);
  const { log, streams, times } = options;
  let unauthenticated = 0;

  return (webSocket: WebSocket, req: IncomingMessage, actor: Actor | null): void => {
    let isCounted = actor === null;
    if (isCounted) unauthenticated += 1;
    const uncount = () => {
      if (isCounted) unauthenticated -= 1;
      isCounted = false;
    };
    const connection = new WebSocketConnection(webSocket, req, { actor, onSignedIn: uncount });
    const remove = streams.add(connection);
    const stopPings = keepAlive(webSocket, times.heartbeatMs);
    webSocket.on('error', (error) => log.debug({ reason: error.message }, 'a WebSocket broke'));
    const closed = operations.opened(
      {
        protocol: webSocket.protocol,
        send: (text) => sendText(webSocket, text),
        close: (code, reason) => webSocket.close(code, reason),
        onMessage: (take) => receive(webSocket, take, log),
      },
      { connection },
    );
    webSocket.once('close', (code, reason) => {
      uncount();
      remove();
      stopPings();
      closed(code, reason.toString()).catch((error: unknown) =>
        log.error({ err: error }, 'while closing a WebSocket'),
      );
    });
    if (unauthenticated > STREAM_LIMITS.unauthenticated) connection.close('OVERLOADED');
  };
}

function sendText(webSocket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (webSocket.readyState !== webSocket.OPEN) return resolve();
    webSocket.send(text, (error) => (error ? reject(error) : resolve()));
  });
}

function receive(
  webSocket: WebSocket,
  take: (text: string) => Promise<void>,
  log: WebSocketOptions['log'],
): void {
  webSocket.on('message', (data: Buffer) => {
    take(data.toString()).catch((error: unknown) => {
      // A message that only servers send: the protocol's word for it, which graphql-ws leaves to us.
      if (error instanceof Error && error.message.startsWith('Unexpected message of type'))
        return webSocket.close(CloseCode.BadRequest, error.message.slice(0, 100));
      log.error({ err: error }, 'unexpected error in a WebSocket message');
      webSocket.close(CloseCode.InternalServerError, 'unexpected error: see the server log');
    });
  });
}

/** A peer that does not answer a ping until the next one is gone. */
function keepAlive(webSocket: WebSocket, heartbeatMs: number): () => void {
  let isAlive = true;
  webSocket.on('pong', () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    if (!isAlive) return webSocket.terminate();
    isAlive = false;
    webSocket.ping();
  }, heartbeatMs);
  timer.unref();
  return () => clearInterval(timer);
}
