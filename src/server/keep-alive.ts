import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** So many pings in a row may stay unanswered. */
const UNANSWERED_MAX = 2;

/** Pings a WebSocket; a peer that neither answers nor takes anything is gone. @returns how it stops. */
export function keepAlive(webSocket: WebSocket, tcp: Socket, heartbeatMs: number): () => void {
  let unanswered = 0;
  let taken = 0;
  webSocket.on('pong', () => {
    unanswered = 0;
  });
  const timer = setInterval(() => {
    const before = taken;
    taken = bytesTaken(tcp);
    // Its pong comes behind everything that it is still taking.
    if (tcp.writableLength > 0 && taken > before) unanswered = 0;
    if (unanswered >= UNANSWERED_MAX) return webSocket.terminate();
    unanswered += 1;
    webSocket.ping();
  }, heartbeatMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Bytes that left this process. */
export function bytesTaken({ bytesWritten, writableLength }: Socket): number {
  return bytesWritten - writableLength;
}
