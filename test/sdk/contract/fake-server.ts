import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Answer } from './format.ts';
import { socketTry } from './fake-socket.ts';
import { pollTry, streamTry } from './fake-streams.ts';
import { answerWith } from './fake-try.ts';
import type { Met, Try } from './fake-try.ts';

interface Applied {
  readonly instance: string;
  readonly cursor: string;
}

export interface FakeServer {
  readonly urls: readonly string[];
  /** Tries that the case has not come to yet. */
  readonly tries: Try[];
  readonly applied: Applied[];
  /** What the next statements of what was applied are answered with; when there is none left, 204. */
  readonly appliedAnswers: Answer[];
  /** How many tries have come in all. */
  readonly met: () => number;
  /** Requests that nobody expects of a client. */
  readonly strange: string[];
  /** Refuses connections at this address from now on. */
  down(url: number): Promise<void>;
  close(): Promise<void>;
}

export async function startFakeServer(count: number, now: () => number): Promise<FakeServer> {
  const nodes = await Promise.all(Array.from({ length: count }, () => listen()));
  const tries: Try[] = [];
  const applied: Applied[] = [];
  const appliedAnswers: Answer[] = [];
  let met = 0;
  const strange: string[] = [];
  const hear = async (req: IncomingMessage, res: ServerResponse) => {
    applied.push(await take(req));
    answerWith(res, appliedAnswers.shift() ?? { status: 204 });
  };
  for (const [url, { server }] of nodes.entries()) {
    const meet = (attempt: Met) => {
      met += 1;
      tries.push({ ...attempt, url, at: now() });
    };
    server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) =>
      meet(socketTry(req, socket, head)),
    );
    server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      const path = new URL(req.url ?? '/', 'http://server').pathname;
      if (req.method === 'GET' && /^\/v1\/channels\/[^/]+\/events$/.test(path))
        return meet(streamTry(req, res));
      if (req.method === 'GET' && /^\/v1\/channels\/[^/]+$/.test(path)) return meet(pollTry(req, res));
      if (req.method === 'POST' && /^\/v1\/channels\/[^/]+\/applied$/.test(path)) {
        void hear(req, res);
        return;
      }
      strange.push(`${req.method} ${req.url}`);
      answerWith(res, { status: 404 });
    });
  }
  return {
    urls: nodes.map(({ url }) => url),
    tries,
    applied,
    appliedAnswers,
    met: () => met,
    strange,
    down: async (url) => {
      await nodes[url]?.close();
      // A try that reached it a moment before is cut with it, and nobody's to accept.
      for (let at = tries.length - 1; at >= 0; at -= 1) if (tries[at]?.url === url) tries.splice(at, 1);
    },
    close: async () => void (await Promise.all(nodes.map((node) => node.close()))),
  };
}

async function listen(): Promise<{ server: Server; url: string; close: () => Promise<void> }> {
  const server = createServer();
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

async function take(req: IncomingMessage): Promise<Applied> {
  let text = '';
  for await (const chunk of req.setEncoding('utf8')) text += String(chunk);
  return JSON.parse(text) as Applied;
}
