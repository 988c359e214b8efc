import type { FileHandle } from 'node:fs/promises';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { Request } from './graphql-client.ts';
import type { BatchedLine } from './import-batches.ts';
import { callImport } from './import-call.ts';
import { parseImportLine } from './import-line.ts';
import type { ImportedVersion } from './import-line.ts';
import type { LineFault } from './import-survey.ts';

export interface ImportTally {
  created: number;
  skipped: number;
  /** Prompts that the server refused, with how many of their versions had gone in before. */
  readonly refused: Set<string>;
  readonly sent: Map<string, number>;
}

export interface Sending {
  readonly file: FileHandle;
  readonly request: Request;
  readonly tally: ImportTally;
  readonly onFault: (fault: LineFault) => void;
}

/**
 * Sends the lines of one call. A prompt that the server refuses is left out, in this call and in later ones, and the
 * others are sent without it.
 * @throws CliError when the server cannot be reached, the key may not import, or the file changed
 */
export async function sendBatch(sending: Sending, batch: readonly BatchedLine[]): Promise<void> {
  const { tally } = sending;
  const lines = batch.filter(({ slug }) => !tally.refused.has(slug));
  if (lines.length === 0) return;
  const read = await Promise.all(
    lines.map(async (line) => ({ line, version: await readVersion(sending.file, line) })),
  );
  // Stable: lines of one prompt, which are oldest first, keep their order.
  const ordered = read.toSorted((a, b) => compare(a.version.committedAt, b.version.committedAt));
  const versions = ordered.map(({ version }) => version);
  const outcome = await callImport(sending.request, versions);
  if ('created' in outcome) {
    tally.created += outcome.created;
    tally.skipped += outcome.skipped;
    for (const { slug } of lines) tally.sent.set(slug, (tally.sent.get(slug) ?? 0) + 1);
    return;
  }
  const blamed = outcome.index === null ? undefined : ordered[outcome.index]?.line;
  const slugs = [...new Set(lines.map(({ slug }) => slug))];
  const culprit = blamed ?? (slugs.length === 1 ? lines[0] : undefined);
  if (culprit !== undefined) {
    leaveOut(sending, culprit, outcome.refusal);
    return sendBatch(sending, lines);
  }
  // The server does not say which prompt it means: alone, each answers for itself.
  for (const slug of slugs) {
    await sendBatch(
      sending,
      lines.filter((line) => line.slug === slug),
    );
  }
}

function leaveOut({ tally, onFault }: Sending, { slug, number }: BatchedLine, refusal: string): void {
  const before = tally.sent.get(slug) ?? 0;
  const rest =
    before === 0 ? '' : ` (partly imported: it took several calls, and its first ${before} versions are in)`;
  tally.refused.add(slug);
  onFault({ line: number, slug, reason: `is refused by the server: ${refusal}${rest}` });
}

async function readVersion(
  file: FileHandle,
  { slug, number, offset, length }: BatchedLine,
): Promise<ImportedVersion> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  const parsed = bytesRead === length ? parseImportLine(bytes) : null;
  if (parsed?.ok === true && parsed.version.slug === slug) return parsed.version;
  throw new CliError(
    EXIT_CODE.USAGE,
    `the file changed while it was read (line ${number}): run the command again`,
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
