import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import type { z } from 'zod';
import {
  BACKUP_FORMAT,
  BACKUP_FORMAT_VERSION,
  Checksum,
  countRows,
  END_OF_ROWS,
  HEADER,
  LAST_LINE,
  SECTION,
  SECTION_END,
} from './backup-format.ts';
import type { BackupHeader, BackupSummary } from './backup-format.ts';

/** Far above what a header takes: what has no line break for so long is no backup. */
const LINE_LENGTH_MAX = 16 * 1024 * 1024;

/** The file is no backup, or not whole; the message says which, without the file's name. */
export class BackupUnreadable extends Error {}

/** Of whoever waits for it. */
export interface Watch {
  /** How many bytes of the file were read. */
  readonly onBytes?: (count: number) => void;
  /** Breaks the reading off. */
  readonly signal?: AbortSignal;
}

/** What a backup is read for. `onRows` has to read all rows; what it did counts for nothing when `readBackup` throws afterwards. */
interface BackupReader extends Watch {
  readonly onHeader?: (header: BackupHeader) => void;
  readonly onRows?: (section: z.output<typeof SECTION>, rows: AsyncGenerator<Buffer>) => Promise<void>;
}

/** Reads a backup from its first byte to its last, and every checksum in it. @throws BackupUnreadable */
export async function readBackup(
  path: string,
  { onHeader, onRows = skip, ...watch }: BackupReader,
): Promise<BackupSummary> {
  const text = new Text(unzip(path, watch));
  try {
    onHeader?.(await readHeader(text));
    const sum = { tables: 0, rows: 0 };
    for (;;) {
      const before = text.checksum();
      const line = await text.readLine();
      const section = SECTION.safeParse(line);
      if (!section.success) return finish(line, sum, before, await text.isAtEnd());
      await onRows(section.data, text.readRows());
      const { rows, checksum } = parse(SECTION_END, await text.readLine(), `table ${section.data.table}`);
      if (rows !== text.rows || checksum !== text.rowsChecksum)
        throw new BackupUnreadable(
          `the rows of table ${section.data.table} are not those that were written: the file was changed or damaged`,
        );
      sum.tables += 1;
      sum.rows += rows;
    }
  } finally {
    await text.close();
  }
}

async function readHeader(text: Text): Promise<BackupHeader> {
  const line = await text.readLine();
  const found = HEADER.pick({ format: true, formatVersion: true }).safeParse(line);
  if (!found.success) throw new BackupUnreadable(`it is no ${BACKUP_FORMAT} file`);
  if (found.data.formatVersion !== BACKUP_FORMAT_VERSION)
    throw new BackupUnreadable(
      `its format is version ${found.data.formatVersion}, this command reads version ${BACKUP_FORMAT_VERSION}: use the release that wrote it, or a newer one`,
    );
  return parse(HEADER, line, 'the header');
}

function finish(
  line: unknown,
  sum: Omit<BackupSummary, 'checksum'>,
  checksum: string,
  isAtEnd: boolean,
): BackupSummary {
  const last = parse(LAST_LINE, line, 'the last line');
  if (last.checksum !== checksum || last.rows !== sum.rows || last.tables !== sum.tables || !isAtEnd)
    throw new BackupUnreadable('it is not as it was written: the file was changed or damaged');
  return { ...sum, checksum };
}

function parse<T>(schema: z.ZodType<T>, line: unknown, what: string): T {
  const parsed = schema.safeParse(line);
  if (parsed.success) return parsed.data;
  throw new BackupUnreadable(`${what} cannot be read: the file was changed or damaged`);
}

async function skip(_section: unknown, rows: AsyncGenerator<Buffer>): Promise<void> {
  for await (const _piece of rows);
}

async function* unzip(path: string, { onBytes = () => undefined, signal }: Watch): AsyncGenerator<Buffer> {
  const file = createReadStream(path);
  const unzipped = createGunzip();
  file.on('data', (chunk) => onBytes(chunk.length));
  file.on('error', (error) => unzipped.destroy(error));
  file.pipe(unzipped);
  try {
    for await (const chunk of unzipped as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new BackupUnreadable(unzipFault(error), { cause: error });
  } finally {
    file.destroy();
  }
}

function unzipFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'Z_BUF_ERROR') return 'it ends too early: it was cut off';
  if (code === 'Z_DATA_ERROR') return 'it is no gzip file, or damaged';
  return error instanceof Error ? error.message : String(error);
}

/** The text of a backup, taken piece by piece: a line, or rows up to the line that ends them. */
class Text {
  readonly #chunks: AsyncGenerator<Buffer>;
  readonly #all = new Checksum();
  #rest: Buffer = Buffer.alloc(0);
  /** Of the rows that were read last. */
  rows = 0;
  rowsChecksum = '';

  constructor(chunks: AsyncGenerator<Buffer>) {
    this.#chunks = chunks;
  }

  /** Of all that was taken so far. */
  checksum(): string {
    return this.#all.soFar();
  }

  async readLine(): Promise<unknown> {
    let end = this.#rest.indexOf('\n');
    while (end === -1) {
      if (this.#rest.length > LINE_LENGTH_MAX) throw new BackupUnreadable(`it is no ${BACKUP_FORMAT} file`);
      const from = this.#rest.length;
      if (!(await this.#more())) throw new BackupUnreadable('it ends too early: it was cut off');
      end = this.#rest.indexOf('\n', from);
    }
    const text = this.#take(end + 1).toString('utf8');
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  }

  /** The rows, without the line that ends them. */
  async *readRows(): AsyncGenerator<Buffer> {
    const checksum = new Checksum();
    this.rows = 0;
    let isLineStart = true;
    for (;;) {
      const end = isLineStart && this.#rest.indexOf(END_OF_ROWS) === 0 ? 0 : this.#endOfRows();
      // What may be the beginning of the end is kept back.
      const piece = this.#take(end ?? Math.max(0, this.#rest.length - END_OF_ROWS.length));
      if (piece.length > 0) {
        isLineStart = false;
        checksum.add(piece);
        this.rows += countRows(piece);
        yield piece;
      }
      if (end !== null) break;
      if (!(await this.#more())) throw new BackupUnreadable('it ends too early: it was cut off');
    }
    this.#take(END_OF_ROWS.length);
    this.rowsChecksum = checksum.soFar();
  }

  async isAtEnd(): Promise<boolean> {
    return this.#rest.length === 0 && !(await this.#more());
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined);
  }

  /** Where the line that ends the rows begins, in what was read; null: not in it. */
  #endOfRows(): number | null {
    const at = this.#rest.indexOf(`\n${END_OF_ROWS}`);
    return at === -1 ? null : at + 1;
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
    return true;
  }

  #take(length: number): Buffer {
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    this.#all.add(piece);
    return piece;
  }
}
