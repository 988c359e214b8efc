import { parseConfig, secretsOf } from '../server/config.ts';
import { migrateDatabase, openDatabaseServer } from '../server/database-address.ts';
import { createLog } from '../server/log.ts';
import { fail, MIGRATIONS_DIRECTORY } from './serve.ts';

/** Brings the database that the environment names up to date, and stops. */
export async function migrateOnce(): Promise<void> {
  try {
    await run();
  } catch (error) {
    fail('promptforge migrate', error);
  }
}

async function run(): Promise<void> {
  const config = parseConfig(process.env, { isTTY: process.stderr.isTTY });
  const log = createLog({ level: config.logLevel, format: config.logFormat, secrets: secretsOf(config) });
  const server = await openDatabaseServer(config, log);
  try {
    await migrateDatabase(server, MIGRATIONS_DIRECTORY, log);
  } finally {
    await server.stop();
  }
  process.stdout.write('The database is up to date.\n');
}
