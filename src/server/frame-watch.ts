import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** Of a masked frame of at most 125 bytes, which all control frames are (RFC 6455, 5.5). */
const CONTROL_HEADER_BYTES = 6;
/** Messages, pings and pongs: far more than a client with all its subscriptions has to say. */
const FRAMES_PER_SECOND_MAX = 2_000;

type Offence = 'UNFINISHED_MESSAGE' | 'RATE_LIMITED';

/**
 * Finds a peer that begins a message and does not end it, or sends frames without a pause. `ws` bounds the size of a message and its
 * fragments, but waits for the rest of it for ever; all of the protocol's own answers are cheap, but not for nothing.
 */
export function watchFrames(
  webSocket: WebSocket,
  tcp: Socket,
  { messageMs, onOffence }: { readonly messageMs: number; readonly onOffence: (offence: Offence) => void },
): void {
  /** Bytes up to here were whole frames. After a message some of the next one may count as such: it is found with its next bytes. */
  let whole = tcp.bytesRead;
  let timer: NodeJS.Timeout | undefined;
  let second = 0;
  let framesOfSecond = 0;

  const seen = (until: number) => {
    whole = Math.min(until, tcp.bytesRead);
    if (whole === tcp.bytesRead) disarm();
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) [second, framesOfSecond] = [now, 0];
    framesOfSecond += 1;
    if (framesOfSecond === FRAMES_PER_SECOND_MAX) onOffence('RATE_LIMITED');
  };
  const seenControl = (data: Buffer) => seen(whole + CONTROL_HEADER_BYTES + data.length);
  const disarm = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const arm = () => {
    timer = setTimeout(() => {
      timer = undefined;
      // We do not read: the rest may have come long ago.
      if (webSocket.isPaused) return arm();
      onOffence('UNFINISHED_MESSAGE');
    }, messageMs);
    timer.unref();
  };

  webSocket.on('message', () => seen(tcp.bytesRead));
  webSocket.on('ping', seenControl);
  webSocket.on('pong', seenControl);
  // `ws` tells of what is whole one frame after the other, from the next turn of the loop on.
  tcp.on('data', () => {
    if (timer === undefined) arm();
  });
  webSocket.on('close', disarm);
}
