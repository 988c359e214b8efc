import { resolve } from 'node:path';
import { candidateDirectories, hasCluster } from '../db/embedded-data-directory.ts';
import { connectToRunningEmbedded } from '../db/embedded-server.ts';
import type { Config } from './config.ts';
import { openDatabaseServer } from './database-address.ts';
import type { OpenedDatabase } from './database-address.ts';
import type { Log } from './log.ts';

/** The data directory holds no database, and whoever only reads one makes none. */
class DatabaseAbsent extends Error {
  constructor(dataDirectory: string) {
    super(
      `there is no database in ${resolve(dataDirectory)}: set PROMPTFORGE_DATA_DIR to the server's data directory, or DATABASE_URL to its database`,
    );
  }
}

/**
 * The database that the configuration names, for who makes none and changes none: of a server that runs on the data directory the database
 * that it started, else started here for the moment. Not migrated.
 * @throws DatabaseAbsent
 */
export async function openExistingDatabase(
  config: Pick<Config, 'databaseUrl' | 'migrationUrl' | 'dataDirectory'>,
  log: Log,
  signal?: AbortSignal,
): Promise<OpenedDatabase & { readonly isRunning: boolean }> {
  const { databaseUrl, dataDirectory } = config;
  if (databaseUrl === null) {
    const running = await connectToRunningEmbedded(dataDirectory);
    if (running !== null) {
      const stop = async () => undefined;
      return { address: running, ownerAddress: null, dataDirectory: null, stop, isRunning: true };
    }
    const found = await Promise.all(candidateDirectories(dataDirectory).map((path) => hasCluster(path)));
    if (!found.includes(true)) throw new DatabaseAbsent(dataDirectory);
  }
  return { ...(await openDatabaseServer(config, log, signal)), isRunning: databaseUrl !== null };
}
