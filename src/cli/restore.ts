import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { BackupUnreadable } from '../db/backup-read.ts';
import type { Watch } from '../db/backup-read.ts';
import { checkBackup, restoreBackup, RestoreRefused } from '../db/backup-restore.ts';
import type { BrokenChain, CheckedBackup } from '../db/backup-restore.ts';
import { connectToRunningEmbedded } from '../db/embedded-server.ts';
import { parseConfig, secretsOf } from '../server/config.ts';
import type { Config } from '../server/config.ts';
import { connectOwner, migrateDatabase, openDatabaseServer } from '../server/database-address.ts';
import { createLog } from '../server/log.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { startProgress } from './progress.ts';
import { fail, MIGRATIONS_DIRECTORY } from './serve.ts';
import type { StopSignal } from './stop-signal.ts';

interface Done {
  readonly backup: CheckedBackup;
  readonly broken: readonly BrokenChain[];
  /** Null: the database is one from outside. */
  readonly dataDirectory: string | null;
}

/** Puts a backup into the empty database that the environment names. */
export async function restore(
  file: string,
  { json }: { readonly json: boolean },
  { signal }: StopSignal,
): Promise<void> {
  try {
    const done = await run(file, signal);
    report(done, json);
    if (done.broken.length > 0) process.exitCode = EXIT_CODE.FAULTS;
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (signal.aborted) fail('promptforge restore', new Error('interrupted: nothing was restored'));
    if (error instanceof BackupUnreadable)
      throw new CliError(
        EXIT_CODE.USAGE,
        `${file} cannot be restored: ${error.message}. Nothing was restored.`,
      );
    fail('promptforge restore', error);
  }
}

async function run(file: string, signal: AbortSignal): Promise<Done> {
  const config = parseConfig(process.env, { isTTY: process.stderr.isTTY });
  await requireStopped(config);
  const { size } = await stat(file).catch((error: Error) => {
    throw new CliError(EXIT_CODE.USAGE, `${file} cannot be read: ${error.message}`);
  });
  const progress = startProgress(size * 2, 'bytes');
  try {
    const watch = { signal, onBytes: (count: number) => progress.advance(count) };
    return await fill(config, await checkBackup(file, watch), watch);
  } finally {
    progress.stop();
  }
}

async function requireStopped({ databaseUrl, dataDirectory }: Config): Promise<void> {
  if (databaseUrl !== null || (await connectToRunningEmbedded(dataDirectory)) === null) return;
  throw new RestoreRefused(
    `a server runs on ${resolve(dataDirectory)}: stop it, and ${moveAway(resolve(dataDirectory))}`,
  );
}

function moveAway(dataDirectory: string): string {
  return `move its data away (mv ${dataDirectory} ${dataDirectory}.before), or set PROMPTFORGE_DATA_DIR to a new directory`;
}

async function fill(config: Config, backup: CheckedBackup, watch: Watch): Promise<Done> {
  const level = config.logLevel === 'info' ? 'warn' : config.logLevel;
  const log = createLog({ level, format: config.logFormat, secrets: secretsOf(config) });
  const opened = await openDatabaseServer(config, log, watch.signal);
  const { dataDirectory } = opened;
  try {
    const owner = await connectOwner(opened, log, watch.signal);
    const broken = await restoreBackup(owner, backup, MIGRATIONS_DIRECTORY, {
      ...watch,
      by: accountName(),
    }).finally(
      // Without a farewell, for which a COPY that was broken off never comes to an end.
      () => void owner.connection.stream.destroy(),
    );
    await migrateDatabase(opened, MIGRATIONS_DIRECTORY, log);
    return { backup, broken, dataDirectory };
  } catch (error) {
    if (error instanceof RestoreRefused) throw withAdvice(error, dataDirectory);
    throw error;
  } finally {
    await opened.stop();
  }
}

/** The account that the command runs as: of the operators themselves the database knows nothing. */
function accountName(): string | null {
  try {
    return userInfo().username;
  } catch {
    // A number without a name, as containers have them.
    return null;
  }
}

function withAdvice(error: RestoreRefused, dataDirectory: string | null): RestoreRefused {
  const advice =
    dataDirectory === null
      ? 'create a new database, CREATE DATABASE ..., and set DATABASE_URL to it'
      : moveAway(dataDirectory);
  return new RestoreRefused(`${error.message}. Nothing was restored: ${advice}`, { cause: error });
}

function report({ backup: { header, rows }, broken, dataDirectory }: Done, json: boolean): void {
  const { createdAt, heads } = header;
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ ok: broken.length === 0, createdAt, rows, heads, brokenChains: broken, dataDirectory })}\n`,
    );
    return;
  }
  const where = dataDirectory ?? 'the database of DATABASE_URL';
  const faults = broken.map(
    ({ workspaceId, seq }) =>
      `THE AUDIT TRAIL IS BROKEN at event ${seq} of ${heads.find((head) => head.workspaceId === workspaceId)?.slug}: it was when the backup was made\n`,
  );
  process.stdout.write(
    `${rows} rows restored into ${where}, as they were at ${createdAt}\n${faults.join('')}${next(header.heads)}`,
  );
}

function next(heads: readonly { readonly slug: string; readonly seq: number; readonly hash: string }[]) {
  const checks = heads.map(
    ({ slug, seq, hash }) => `  promptforge audit verify --checkpoint ${seq}:${hash}   (${slug})\n`,
  );
  return (
    'Next: start the server (the keys in the backup are valid again, those made after it are gone), then\n' +
    `${checks.join('')}Subscribers with a cursor of what came after the backup get a snapshot that says HISTORY_CHANGED or CURSOR_AHEAD.\n`
  );
}
