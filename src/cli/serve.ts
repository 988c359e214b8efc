import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigInvalid, parseConfig, secretsOf } from '../server/config.ts';
import type { Config } from '../server/config.ts';
import { createLog } from '../server/log.ts';
import { startServer } from '../server/server.ts';
import type { RunningServer } from '../server/server.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { firstStartText } from './first-start.ts';
import type { StopSignal } from './stop-signal.ts';

export const MIGRATIONS_DIRECTORY = join(import.meta.dirname, '..', '..', 'prisma', 'migrations');

/** How long a start that is broken off may take to undo what it did. */
const UNDO_MS = 20_000;
/** Stopping takes about 20 s at most; whatever goes wrong, the process does not outlive what supervisors allow. */
const STOP_MS = 25_000;

/** Starts the server and stays until it is asked to stop; exits with 78 for a wrong configuration, 1 when it cannot start, else 0. */
export async function serve(
  { requested, signal }: StopSignal,
  { json }: { readonly json: boolean } = { json: false },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<void> {
  try {
    signal.throwIfAborted();
    const config = parseConfig(env, { isTTY: process.stderr.isTTY });
    const log = createLog({ level: config.logLevel, format: config.logFormat, secrets: secretsOf(config) });
    const starting = startServer({ config, log, migrationsDirectory: MIGRATIONS_DIRECTORY, signal });
    // Nobody was told anything yet. Our own PostgreSQL would stop when this process has gone, and initdb would not.
    const undone = requested.then(() => sleep(UNDO_MS, null));
    const server = await Promise.race([starting, undone]);
    if (server === null) process.exit(0);
    // In one piece: who waits for the ready line has the key with it.
    process.stdout.write(
      json
        ? `${JSON.stringify({ ready: true, url: server.url, firstKey: server.firstKey })}\n`
        : `PromptForge ready on ${server.url}/graphql\n${firstText(server, config)}`,
    );
    process.stderr.write(`${await requested}: stopping\n`);
    setTimeout(() => fail('PromptForge did not stop', new Error('it took too long')), STOP_MS).unref();
    await server.close();
  } catch (error) {
    if (!signal.aborted) fail('PromptForge cannot start', error);
  }
  process.exit(0);
}

/** Ends the process with what an operator needs: what is wrong and what to do, without a stack. */
export function fail(what: string, error: unknown): never {
  process.stderr.write(`${what}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigInvalid ? EXIT_CODE.CONFIG : EXIT_CODE.FAULTS);
}

function firstText(
  { url, firstKey }: RunningServer,
  { demo, trustedDocuments, graphql: { graphiql } }: Config,
): string {
  if (firstKey === null) return '';
  return firstStartText({ url, firstKey, demo, trustedOnly: trustedDocuments !== null, graphiql });
}
