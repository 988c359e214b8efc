import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { countRows } from '../db/backup-format.ts';
import type { BackupHeader } from '../db/backup-format.ts';
import { openBackup } from '../db/backup-write.ts';
import { parseConfig, secretsOf } from '../server/config.ts';
import { connectOwner } from '../server/database-address.ts';
import { openExistingDatabase } from '../server/existing-database.ts';
import { createLog } from '../server/log.ts';
import { CliError } from './cli-error.ts';
import { writeNewFile } from './new-file.ts';
import { packageVersion } from './package-version.ts';
import { startProgress } from './progress.ts';
import { fail } from './serve.ts';
import type { StopSignal } from './stop-signal.ts';

interface Done {
  readonly header: BackupHeader;
  readonly rows: number;
}

/** Writes the database that the environment names into one new file, whether a server runs on it or not. */
export async function backup(
  { out, json }: { readonly out: string; readonly json: boolean },
  { signal }: StopSignal,
): Promise<void> {
  try {
    const done = await run(out, signal);
    await report(out, done, json);
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (signal.aborted) fail('promptforge backup', new Error('interrupted: no file was written'));
    fail('promptforge backup', isForbidden(error) ? withAdvice(error) : error);
  }
}

function isForbidden(error: unknown): error is Error {
  return error instanceof Error && Reflect.get(error, 'code') === '42501';
}

/** The login of a server may not read what Prisma keeps of the migrations. */
function withAdvice(error: Error): Error {
  return new Error(`${error.message}: set DATABASE_MIGRATION_URL to the owner of the database`, {
    cause: error,
  });
}

async function run(out: string, signal: AbortSignal): Promise<Done> {
  const config = parseConfig(process.env, { isTTY: process.stderr.isTTY });
  const level = config.logLevel === 'info' ? 'warn' : config.logLevel;
  const log = createLog({ level, format: config.logFormat, secrets: secretsOf(config) });
  return writeNewFile(out, async (file) => {
    const opened = await openExistingDatabase(config, log, signal);
    try {
      const client = await connectOwner(opened, log, signal);
      try {
        const { header, rows, chunks } = await openBackup(client, packageVersion());
        const progress = startProgress(rows, 'rows');
        try {
          const write = async (zipped: AsyncIterable<Buffer>) => {
            for await (const piece of zipped) await file.appendFile(piece);
          };
          await pipeline(
            counted(chunks, (count) => progress.advance(count)),
            createGzip(),
            write,
            { signal },
          );
        } finally {
          progress.stop();
        }
        return { header, rows };
      } finally {
        // Without waiting: in the middle of a COPY there is no farewell.
        client.connection.stream.destroy();
      }
    } finally {
      await opened.stop();
    }
  });
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  advance: (count: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    advance(countRows(chunk));
  }
}

async function report(out: string, { header, rows }: Done, json: boolean): Promise<void> {
  const { createdAt, heads } = header;
  const { size: bytes } = await stat(out);
  const file = resolve(out);
  if (json) {
    process.stdout.write(`${JSON.stringify({ file, bytes, createdAt, rows, heads })}\n`);
    return;
  }
  const logs = heads.map(({ slug, seq, hash }) => `  ${slug}: ${seq}:${hash}\n`).join('');
  process.stdout.write(
    `${file}: ${rows} rows, ${bytes} bytes, as of ${createdAt}\nHeads of the audit trails (audit verify --checkpoint):\n${logs}`,
  );
}
