import { createHash } from 'node:crypto';
import { z } from 'zod';

// A backup is gzip of UTF-8 text: a header line; a section a table, which is a line that names it, its rows as PostgreSQL's COPY writes
// them, the line `\.` that no row can be, and a line with their count and checksum; and a last line with the checksum of all before it.
// `zcat` shows it, and psql can load a section.

export const BACKUP_FORMAT = 'promptforge-backup';
export const BACKUP_FORMAT_VERSION = 1;
export const END_OF_ROWS = '\\.\n';

const checksum = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const count = z.int().nonnegative();

export const HEADER = z.object({
  format: z.literal(BACKUP_FORMAT),
  formatVersion: z.int(),
  /** Of the command that wrote it. */
  version: z.string(),
  createdAt: z.iso.datetime(),
  /** In the order in which they were applied; their checksums are Prisma's. */
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })).min(1),
  /** Where the log of each workspace ends. */
  heads: z.array(z.object({ workspaceId: z.string(), slug: z.string(), seq: count, hash: z.string() })),
});
export const SECTION = z.object({ table: z.string(), columns: z.array(z.string()).min(1) });
export const SECTION_END = z.object({ rows: count, checksum });
export const LAST_LINE = z.object({ end: z.literal(true), tables: count, rows: count, checksum });

export type BackupHeader = z.output<typeof HEADER>;

export interface BackupSummary {
  readonly tables: number;
  readonly rows: number;
  /** Of all of it: which backup it is. */
  readonly checksum: string;
}

/** A checksum as it goes along. */
export class Checksum {
  readonly #hash = createHash('sha256');

  add(bytes: Buffer | string): void {
    this.#hash.update(bytes);
  }

  /** Of what was added until now. */
  soFar(): string {
    return `sha256:${this.#hash.copy().digest('hex')}`;
  }
}

const NEWLINE = 0x0a;

/** Rows in a piece of a section: COPY writes a line break as `\n`, in two characters, so each row is one line. */
export function countRows(bytes: Buffer): number {
  let rows = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) rows += 1;
  return rows;
}
