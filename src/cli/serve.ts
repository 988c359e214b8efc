import { constants } from 'node:os';
import { join } from 'node:path';
import { ConfigInvalid, parseConfig } from '../server/config.ts';
import type { Config } from '../server/config.ts';
import { createLog } from '../server/log.ts';
import { startServer } from '../server/server.ts';
import type { RunningServer } from '../server/server.ts';
import { EXIT_CODE } from './exit-codes.ts';

export const MIGRATIONS_DIRECTORY = join(import.meta.dirname, '..', '..', 'prisma', 'migrations');

/** Starts the server and stays until SIGTERM or SIGINT; exits with 78 for a wrong configuration, 1 when it cannot start, else 0. */
export async function serve(env: Readonly<Record<string, string | undefined>> = process.env): Promise<void> {
  const stopRequested = nextSignal();
  try {
    const config = parseConfig(env, { isTTY: process.stderr.isTTY });
    const log = createLog({ level: config.logLevel, format: config.logFormat });
    const starting = startServer({ config, log, migrationsDirectory: MIGRATIONS_DIRECTORY });
    const first = await Promise.race([starting, stopRequested]);
    // Asked to stop before it was up: nothing was acknowledged to anybody, and our own PostgreSQL stops when this process has gone.
    if (typeof first === 'string') process.exit(0);
    // In one piece: who waits for the ready line has the key with it.
    process.stdout.write(`PromptForge ready on ${first.url}/graphql\n${firstStartText(first, config)}`);
    process.stderr.write(`${await stopRequested}: stopping\n`);
    await first.close();
  } catch (error) {
    fail('PromptForge cannot start', error);
  }
  process.exit(0);
}

/** Ends the process with what an operator needs: what is wrong and what to do, without a stack. */
export function fail(what: string, error: unknown): never {
  process.stderr.write(`${what}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigInvalid ? EXIT_CODE.CONFIG : EXIT_CODE.FAULTS);
}

function firstStartText({ url, firstKey }: RunningServer, { demo }: Config): string {
  if (firstKey === null) return '';
  // 0.0.0.0 and :: are where to listen, not where to go.
  const reachable = url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  const path = demo ? '/v1/prompts/support/assistant' : '/graphql?query=%7Bviewer%7Brole%7D%7D';
  return `
  Admin key (shown this once, only its hash is stored):
    ${firstKey}

  GraphiQL, signed in:
    ${reachable}/graphql#key=${encodeURIComponent(firstKey)}

  Try it:
    curl -H 'Authorization: Bearer ${firstKey}' ${reachable}${path}

  Lost the key? npx promptforge keys create --admin

`;
}

/** The first of the two signals stops in order; a second one of them ends the process at once. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (seen) process.exit(128 + constants.signals[signal]);
      seen = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
