import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { inject } from 'vitest';

interface Link {
  readonly ends: readonly [Socket, Socket];
  /** Silent from now on in both directions, closed in none: half open. */
  frozen: boolean;
  isListener: boolean;
}

export interface FreezingProxy {
  readonly url: (database: string) => string;
  /** Freezes the connections that there are; new ones pass. @returns how many. */
  freeze(which: 'listeners' | 'all'): number;
  close(): Promise<void>;
}

/** Stands before the tests' PostgreSQL and can fall silent, as a network does that loses its memory of a connection. */
export async function startFreezingProxy(): Promise<FreezingProxy> {
  const { host, port, user, password } = inject('postgres');
  const links = new Set<Link>();
  const server = createServer((client) => {
    // On Windows PostgreSQL listens on an address instead of a socket.
    const upstream = host.startsWith('/') ? connect(join(host, `.s.PGSQL.${port}`)) : connect(port, host);
    const link: Link = { ends: [client, upstream], frozen: false, isListener: false };
    links.add(link);
    client.on('data', (chunk) => {
      if (chunk.includes('LISTEN promptforge\0')) link.isListener = true;
    });
    forward(link, client, upstream);
    forward(link, upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: ours } = server.address() as AddressInfo;
  const credentials = password === undefined ? user : `${user}:${encodeURIComponent(password)}`;
  return {
    url: (database) => `postgresql://${credentials}@127.0.0.1:${ours}/${database}`,
    freeze: (which) => {
      const chosen = [...links].filter((link) => !link.frozen && (which === 'all' || link.isListener));
      for (const link of chosen) link.frozen = true;
      return chosen.length;
    },
    close: async () => {
      for (const { ends } of links) for (const socket of ends) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function forward(link: Link, from: Socket, to: Socket): void {
  from.on('data', (chunk) => link.frozen || to.write(chunk));
  from.on('error', () => undefined);
  from.on('close', () => link.frozen || to.destroy());
}
