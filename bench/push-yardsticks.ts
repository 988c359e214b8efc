// What `npm run bench:push` compares with: a process for each yardstick, started with its name and the GraphQL result that it tells everybody
// on POST. Everything else but a subscription is answered with about 2 kB.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GraphQLSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { toldSchema } from './told-schema.ts';

const YARDSTICKS = {
  'bare-ws': bareWs,
  'graphql-ws': graphqlWs,
  'bare-sse': bareSse,
  'yoga-sse': yogaSse,
  'graphql-sse': graphqlSse,
};
export type Yardstick = keyof typeof YARDSTICKS;

/** Tells everybody. */
type Tell = () => void;
type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** Not by its name: it is not there where nobody installed what is compared with. */
const GRAPHQL_SSE: string = './graphql-sse.mjs';

const refuse: Handler = (_req, res) => void res.writeHead(404).end();

function bareWs(http: Server, payload: string): { tell: Tell; subscribe: Handler } {
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  const message = Buffer.from(`{"id":"1","type":"next","payload":${payload}}`);
  const tell = () => {
    for (const socket of sockets.clients) socket.send(message, { binary: false });
  };
  return { tell, subscribe: refuse };
}

function graphqlWs(http: Server, payload: string): { tell: Tell; subscribe: Handler } {
  const { schema, tell } = toldSchema(payload);
  useServer({ schema }, new WebSocketServer({ server: http, path: '/graphql' }));
  return { tell, subscribe: refuse };
}

function bareSse(_http: Server, payload: string): { tell: Tell; subscribe: Handler } {
  const open = new Set<ServerResponse>();
  const chunk = Buffer.from(`event: next\ndata: ${payload}\n\n`);
  const tell = () => {
    for (const res of open) res.write(chunk);
  };
  const subscribe: Handler = (req, res) => {
    req.resume();
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    res.flushHeaders();
    open.add(res);
    res.once('close', () => open.delete(res));
  };
  return { tell, subscribe };
}

function yogaSse(_http: Server, payload: string): { tell: Tell; subscribe: Handler } {
  const { schema, tell } = toldSchema(payload);
  const yoga = createYoga({ schema, logging: false });
  return { tell, subscribe: (req, res) => void yoga(req, res) };
}

async function graphqlSse(_http: Server, payload: string): Promise<{ tell: Tell; subscribe: Handler }> {
  const { schema, tell } = toldSchema(payload);
  const { handlerOf } = (await import(GRAPHQL_SSE)) as {
    handlerOf: (of: GraphQLSchema) => (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  };
  const handler = handlerOf(schema);
  return { tell, subscribe: (req, res) => void handler(req, res) };
}

const [name = '', result = ''] = process.argv.slice(2);
const server = createServer({ keepAliveTimeout: 65_000 });
const yardstick = await YARDSTICKS[name as Yardstick](server, result);
server.on('request', (req, res) => {
  if (req.url === '/graphql') return yardstick.subscribe(req, res);
  res.writeHead(200, {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(result)),
  });
  res.end(result);
  if (req.method === 'POST') yardstick.tell();
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
