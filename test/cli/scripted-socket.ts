import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** What one connection does when it is asked for the channel: frames, then perhaps its end. */
export interface ScriptedConnection {
  readonly frames?: readonly object[];
  /** GraphQL errors in place of a frame. */
  readonly errors?: readonly object[];
  /** Closes with this code; 0 cuts the connection. */
  readonly closes?: number;
  /** Refuses to say hello. */
  readonly refuses?: number;
}

export interface ScriptedServer {
  readonly url: string;
  /** What each connection asked for. */
  readonly asked: readonly { readonly after: string; readonly mode?: string }[];
  close(): Promise<void>;
}

/** The other side of a watch: says what our own server cannot be made to say at the right moment. The last connection of the script stays. */
export async function startScriptedServer(script: readonly ScriptedConnection[]): Promise<ScriptedServer> {
  const asked: { after: string }[] = [];
  let connections = 0;
  const http = createServer((_req, res) => {
    const viewer = { scopes: ['registry:read'] };
    const data = { viewer, workspace: { headCursor: 'c0' }, channel: { name: 'stable' } };
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
  });
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket: WebSocket) => {
    const part = script[connections] ?? {};
    connections += 1;
    socket.on('message', (bytes: Buffer) => {
      const message = JSON.parse(bytes.toString()) as {
        type: string;
        id?: string;
        payload?: { variables: { after: string } };
      };
      if (message.type === 'connection_init') hello(socket, part);
      if (message.type !== 'subscribe' || message.payload === undefined) return;
      asked.push(message.payload.variables);
      play(socket, message.id ?? '', part);
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

function hello(socket: WebSocket, { refuses }: ScriptedConnection): void {
  if (refuses === undefined) socket.send('{"type":"connection_ack"}');
  else socket.close(refuses, 'no');
}

function play(socket: WebSocket, id: string, { frames = [], errors, closes }: ScriptedConnection): void {
  for (const channelEvents of frames) {
    socket.send(JSON.stringify({ type: 'next', id, payload: { data: { channelEvents } } }));
  }
  if (errors !== undefined) socket.send(JSON.stringify({ type: 'next', id, payload: { errors } }));
  if (closes === 0) socket.terminate();
  else if (closes !== undefined) socket.close(closes, 'scripted');
}
