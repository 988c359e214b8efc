import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the bare server answers to everything, until the next message. */
export interface BareAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** base64 */
  readonly body: string;
}

/**
 * The yardstick: node:http and nothing else. It reads a request's body, as any server must, and answers the bytes and headers that it was
 * told over the IPC channel; its first message is its port.
 */
export function serveBare(): void {
  let status = 503;
  let headers: Record<string, string> = {};
  let body = Buffer.alloc(0);
  const server = createServer({ keepAliveTimeout: 65_000 }, (req, res) => {
    const answer = () => {
      res.writeHead(status, headers);
      res.end(body);
    };
    if (req.method !== 'POST') return answer();
    req.on('data', () => undefined);
    req.on('end', answer);
  });
  process.on('message', (message: BareAnswer | string) => {
    // Questions of probe.mjs.
    if (typeof message === 'string') return;
    status = message.status;
    headers = Object.fromEntries(message.headers);
    body = Buffer.from(message.body, 'base64');
    process.send?.('set');
  });
  process.on('disconnect', () => process.exit(0));
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}
