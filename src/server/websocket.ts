import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, handleProtocols } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { isUnavailable } from '../db/database-errors.ts';
import { watchFrames } from './frame-watch.ts';
import { keepAlive } from './keep-alive.ts';
import type { Log } from './log.ts';
import { answerWithoutUpgrade } from './other-upgrades.ts';
import { ProblemError, unavailable, unexpected } from './problem.ts';
import { STREAM_LIMITS } from './streams.ts';
import { admitWebSocket, refuseWebSocket } from './websocket-admission.ts';
import type { Admission, AdmissionDeps } from './websocket-admission.ts';
import { WebSocketConnection } from './websocket-connection.ts';
import { createWebSocketOperations } from './websocket-operations.ts';
import type { WebSocketDeps } from './websocket-operations.ts';

const FRAME_LIMITS = { maxPayload: 64 * 1024, maxFragments: 16 };
/** A message is under way until it is dealt with, a subscription for as long as it lives; completing one that has only begun frees nothing yet. */
const MESSAGES_UNDER_WAY_MAX = 2 * STREAM_LIMITS.subscriptionsOfConnection;

export interface WebSocketOptions extends WebSocketDeps, AdmissionDeps {}

/** Takes WebSockets on the server's GraphQL path. */
export function attachWebSocket(server: Server, options: WebSocketOptions): void {
  // `closeTimeout` is missing from its type definition.
  const closing = { closeTimeout: options.times.closeMs };
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // One frame a turn of the loop: ten thousand tiny ones that come as one chunk would hold up everybody else.
    allowSynchronousEvents: false,
    handleProtocols,
    ...FRAME_LIMITS,
    ...closing,
  });
  const open = createOpener(options);
  async function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const admission = await admitWebSocket(options, req);
    if ('refused' in admission) return refuseWebSocket(socket, admission.refused);
    if (socket.destroyed) return admission.onSignedIn();
    socket.on('close', admission.onSignedIn);
    webSockets.handleUpgrade(req, socket, head, (webSocket) => open(webSocket, req, admission));
  }
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (req.headers.upgrade?.toLowerCase() !== 'websocket')
      return answerWithoutUpgrade(server, req, socket, head);
    socket.on('error', () => socket.destroy());
    upgrade(req, socket, head).catch((error: unknown) => {
      if (error instanceof ProblemError) return refuseWebSocket(socket, error.problem);
      options.log.warn({ err: error }, 'a WebSocket could not be admitted');
      refuseWebSocket(socket, isUnavailable(error) ? unavailable() : unexpected());
    });
  });
}

type Admitted = Exclude<Admission, { readonly refused: unknown }>;

function createOpener(options: WebSocketOptions) {
  const operations = createWebSocketOperations(options);
  const { log, streams, times } = options;

  return (webSocket: WebSocket, req: IncomingMessage, admitted: Admitted): void => {
    const connection = new WebSocketConnection(webSocket, req, admitted);
    const remove = streams.add(connection);
    const stopPings = keepAlive(webSocket, req.socket, times.heartbeatMs);
    webSocket.on('error', (error) => {
      log.debug({ reason: error.message }, 'a WebSocket broke');
      connection.cutSoon();
    });
    watchFrames(webSocket, req.socket, {
      messageMs: times.messageMs,
      onOffence: (offence) =>
        offence === 'RATE_LIMITED' ? connection.closeFlood() : connection.close(offence),
    });
    const closed = operations.opened(
      {
        protocol: webSocket.protocol,
        send: (text) => sendText(webSocket, text),
        close: (code, reason) => connection.dismiss(code ?? CloseCode.InternalServerError, reason ?? ''),
        onMessage: (take) => receive(webSocket, connection, take, log),
      },
      { connection },
    );
    webSocket.on('close', (code, reason) => {
      remove();
      stopPings();
      connection.ended();
      closed(code, reason.toString()).catch((error: unknown) =>
        log.error({ err: error }, 'while closing a WebSocket'),
      );
    });
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
  connection: WebSocketConnection,
  take: (text: string) => Promise<void>,
  log: Log,
): void {
  let underWay = 0;
  const settled = () => {
    underWay -= 1;
  };
  const failed = (error: unknown) => {
    settled();
    fault(webSocket, connection, error, log);
  };
  webSocket.on('ping', () => void connection.waitForReader());
  webSocket.on('message', (data: Buffer, isBinary) => {
    // Who was told to go may go on to send for a while: nobody listens any more.
    if (!connection.isOpen) return;
    if (isBinary) return connection.close('BAD_MESSAGE');
    if (underWay >= MESSAGES_UNDER_WAY_MAX) return connection.close('TOO_MANY_SUBSCRIPTIONS');
    underWay += 1;
    // The same functions for all messages: one that subscribes is under way for as long as it does.
    void take(data.toString()).then(settled, failed);
    // In the turn in which it was taken. What graphql-ws never hears the end of is over all the same.
    const begun = connection.takeBegun();
    if (begun !== null) begun.abandon = settled;
    void connection.waitForReader();
  });
}

function fault(webSocket: WebSocket, connection: WebSocketConnection, error: unknown, log: Log): void {
  // A message that only servers send: the protocol's word for it, which graphql-ws leaves to us.
  if (error instanceof Error && error.message.startsWith('Unexpected message of type'))
    return connection.dismiss(CloseCode.BadRequest, error.message.slice(0, 100));
  if (error instanceof ProblemError) return connection.close('RATE_LIMITED');
  if (isUnavailable(error)) {
    log.warn({ err: error }, 'the database did not answer whose WebSocket it is');
    return connection.close('OVERLOADED');
  }
  if (webSocket.readyState !== webSocket.OPEN) return;
  log.error({ err: error }, 'unexpected error in a WebSocket message');
  connection.close('FAILED');
}
