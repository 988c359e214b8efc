import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

interface Meddling {
  /** Runs when an operation of this name has come, before the server gets it. */
  readonly operation: string;
  before?(): Promise<unknown>;
  /** How many answers of it are lost on the way back. */
  loses?: number;
}

interface MeddlingProxy {
  readonly url: string;
  close(): Promise<void>;
}

/** Stands between the command and the real server, and does what the network or somebody else would do just then. */
export async function startMeddlingProxy(target: string, meddling: Meddling): Promise<MeddlingProxy> {
  let { loses = 0 } = meddling;
  const forward = async (
    body: Buffer,
    authorization: string,
  ): Promise<{ status: number; text: string } | null> => {
    const isMeant = body.toString().includes(` ${meddling.operation}(`);
    if (isMeant) await meddling.before?.();
    const headers = { 'content-type': 'application/json', authorization };
    const response = await fetch(`${target}/graphql`, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
    });
    const text = await response.text();
    if (!isMeant || loses === 0) return { status: response.status, text };
    loses -= 1;
    return null;
  };
  const server = createServer((req, res) => {
    void buffer(req)
      .then((body) => forward(body, req.headers.authorization ?? ''))
      .then((answer) => {
        if (answer === null) return res.destroy();
        return res.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text);
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
