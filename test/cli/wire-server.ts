import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface WireRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly bytes: number;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface WireAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless it is a string. */
  readonly body?: unknown;
  /** Cuts the connection in the place of an answer. */
  readonly cut?: boolean;
}

export interface WireServer {
  readonly url: string;
  readonly requests: readonly WireRequest[];
  close(): Promise<void>;
}

/** The other side of the wire: answers what a test says, above all what our own server cannot be made to say. */
export async function startWireServer(
  answer: (request: WireRequest, count: number) => WireAnswer,
): Promise<WireServer> {
  const requests: WireRequest[] = [];
  const server: Server = createServer((req, res) => {
    void buffer(req).then((body) => {
      // A server of a version without it.
      if (req.url?.includes('/v1/audit/events') === true) return res.writeHead(404).end();
      const { query = '', variables = {} } = JSON.parse(body.toString()) as Partial<WireRequest>;
      const { authorization } = req.headers;
      requests.push({ path: req.url ?? '', authorization, bytes: body.length, query, variables });
      const {
        status = 200,
        headers = {},
        body: told = {},
        cut = false,
      } = answer(requests.at(-1) as WireRequest, requests.length);
      if (cut) return res.destroy();
      res.writeHead(status, { 'content-type': 'application/json', ...headers });
      return res.end(typeof told === 'string' ? told : JSON.stringify(told));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
