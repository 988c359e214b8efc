import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** What a client offers along with HTTP/2: a server that does not take it answers as if it had not been offered (RFC 9110, 7.8). */
const OFFERS = new Set(['upgrade', 'http2-settings']);

/**
 * Gives a request that asks for another protocol than WebSocket back to the HTTP server, without the wish. Node hands every request that asks
 * for an upgrade to whoever listens for upgrades, so that java.net.http and `curl --http2` would get no answer at all.
 */
export function answerWithoutUpgrade(
  server: Server,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`];
  for (let at = 0; at + 1 < req.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = req.rawHeaders.slice(at, at + 2);
    if (OFFERS.has(name.toLowerCase())) continue;
    lines.push(`${name}: ${name.toLowerCase() === 'connection' ? withoutOffers(value) : value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

function withoutOffers(connection: string): string {
  const wishes = connection.split(',').map((wish) => wish.trim());
  return wishes.filter((wish) => !OFFERS.has(wish.toLowerCase())).join(', ');
}
