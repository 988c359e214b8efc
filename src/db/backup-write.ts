import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { BACKUP_FORMAT, BACKUP_FORMAT_VERSION, Checksum, countRows, END_OF_ROWS } from './backup-format.ts';
import type { BackupHeader, BackupSummary } from './backup-format.ts';
import { COPY_SETTINGS, countAllRows, hasTable, quoted, readLogHeads, readTables } from './backup-tables.ts';
import type { BackupTable } from './backup-tables.ts';

/** The database cannot be backed up; the message says what to do. */
class BackupRefused extends Error {}

export interface BackupSource {
  readonly header: BackupHeader;
  /** How many rows there are to write. */
  readonly rows: number;
  /** The backup, piece by piece; to be read to its end, once. */
  readonly chunks: AsyncGenerator<Buffer, BackupSummary>;
}

/**
 * Everything that a database holds at one moment, while others go on writing: one transaction that sees what was committed when it began.
 * The connection is the backup's alone until its end.
 * @throws BackupRefused
 */
export async function openBackup(client: pg.Client, version: string): Promise<BackupSource> {
  const tables = await readTables(client);
  if (tables.length === 0 || !(await hasTable(client, '_prisma_migrations')))
    throw new BackupRefused('the database holds no PromptForge: there is nothing to back up');
  await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${COPY_SETTINGS}`);
  // Before the first statement that reads: no migration changes a table any more that this transaction looks at.
  await client.query(`LOCK TABLE ${tables.map(({ name }) => quoted(name)).join(', ')} IN ACCESS SHARE MODE`);
  if (JSON.stringify(await readTables(client)) !== JSON.stringify(tables))
    throw new BackupRefused('the database was migrated at this moment: run the backup again');
  const header = await readHeader(client, version);
  return { header, rows: await countAllRows(client, tables), chunks: write(client, header, tables) };
}

async function readHeader(client: pg.Client, version: string): Promise<BackupHeader> {
  const migrations = await client.query<{ name: string; checksum: string }>(
    `SELECT migration_name AS name, checksum FROM "_prisma_migrations"
     WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return {
    format: BACKUP_FORMAT,
    formatVersion: BACKUP_FORMAT_VERSION,
    version,
    createdAt: new Date().toISOString(),
    migrations: migrations.rows,
    heads: await readLogHeads(client),
  };
}

async function* write(
  client: pg.Client,
  header: BackupHeader,
  tables: readonly BackupTable[],
): AsyncGenerator<Buffer, BackupSummary> {
  const total = new Checksum();
  const noted = (bytes: Buffer): Buffer => {
    total.add(bytes);
    return bytes;
  };
  let rows = 0;
  yield noted(line(header));
  for (const { name, columns } of tables) {
    yield noted(line({ table: name, columns }));
    const checksum = new Checksum();
    let count = 0;
    const copy = `COPY ${quoted(name)} (${columns.map(quoted).join(', ')}) TO STDOUT`;
    for await (const chunk of client.query(copyTo(copy)) as AsyncIterable<Buffer>) {
      checksum.add(chunk);
      count += countRows(chunk);
      yield noted(chunk);
    }
    yield noted(Buffer.from(END_OF_ROWS));
    yield noted(line({ rows: count, checksum: checksum.soFar() }));
    rows += count;
  }
  await client.query('COMMIT');
  const summary = { tables: tables.length, rows };
  const checksum = total.soFar();
  yield line({ end: true, ...summary, checksum });
  return { ...summary, checksum };
}

function line(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
