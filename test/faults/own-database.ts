import pg from 'pg';
import { startEmbeddedServer } from '../../src/db/embedded-server.ts';
import type { EmbeddedServer } from '../../src/db/embedded-server.ts';
import type { TestDatabase } from '../support/database.ts';
import { SMALL_POSTGRES } from './harness.ts';

export interface OwnDatabase extends TestDatabase {
  /** Stops PostgreSQL; the address stays the same for when it is started again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A PostgreSQL that nobody shares, so that it can be taken away. */
export async function startOwnDatabase(dataDirectory: string): Promise<OwnDatabase> {
  const options = { dataDirectory, log: () => undefined, settings: SMALL_POSTGRES };
  let server: EmbeddedServer = await startEmbeddedServer(options);
  const { connection } = server;
  const { host, port, user, database } = connection;
  return {
    url: `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    name: database,
    query: async <Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) => {
      const client = new pg.Client({ ...connection });
      client.on('error', () => undefined);
      await client.connect();
      try {
        return (await client.query<Row>(sql, [...values])).rows;
      } finally {
        await client.end();
      }
    },
    drop: () => server.stop(),
    stop: () => server.stop(),
    start: async () => {
      server = await startEmbeddedServer(options);
    },
  };
}
