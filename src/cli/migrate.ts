import { parseConfig, secretsOf } from '../server/config.ts';
import { migrateDatabase, openDatabaseServer } from '../server/database-address.ts';
import { createLog } from '../server/log.ts';
import { fail, MIGRATIONS_DIRECTORY } from './serve.ts';

/** Brings the database that the environment names up to date, and stops. */
export async function migrateOnce({ json }: { readonly json: boolean }): Promise<void> {
  try {
    const applied = await run();
    process.stdout.write(
      json ? `${JSON.stringify({ upToDate: true, applied })}\n` : 'The database is up to date.\n',
    );
  } catch (error) {
    fail('promptforge migrate', error);
  }
}

async function run(): Promise<readonly string[]> {
  const config = parseConfig(process.env, { isTTY: process.stderr.isTTY });
  const log = createLog({ level: config.logLevel, format: config.logFormat, secrets: secretsOf(config) });
  const server = await openDatabaseServer(config, log);
  try {
    return (await migrateDatabase(server, MIGRATIONS_DIRECTORY, log)).applied;
  } finally {
    await server.stop();
  }
}
