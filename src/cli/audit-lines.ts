import { z } from 'zod';
import { globalIdOf } from './audit-fields.ts';
import type { AuditEvent } from './audit-fields.ts';
import { byteLines } from './byte-lines.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';

/** More than the server ever writes in one. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
const HASH = z.string().regex(/^[0-9a-f]{64}$/);
const NULLABLE = z.string().nullable();
const LINE = z.object({
  workspaceId: z.string(),
  seq: z.int(),
  commitSeq: z.int(),
  type: z.string(),
  actor: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
  at: z.string(),
  promptId: NULLABLE,
  promotionId: NULLABLE,
  payload: z.unknown(),
  sourceAddress: NULLABLE,
  userAgent: NULLABLE,
  requestId: NULLABLE,
  hash: HASH,
  prevHash: HASH,
  hashedText: z.string(),
});

export interface ExportedLine {
  readonly workspaceId: string;
  readonly promptId: string | null;
  readonly promotionId: string | null;
  readonly event: AuditEvent;
}

/** The events of an export, oldest first; memory holds a line. @throws CliError for what is no line of one. */
export async function* auditLines(chunks: AsyncIterable<Buffer>, from: string): AsyncGenerator<ExportedLine> {
  for await (const { number, bytes } of byteLines(chunks, LINE_BYTES_MAX)) {
    if (bytes === null) throw unknownLine(from, number, 'it is longer than any event');
    if (bytes.length === 0) continue;
    yield parseLine(bytes.toString('utf8'), from, number);
  }
}

function parseLine(text: string, from: string, number: number): ExportedLine {
  const parsed = LINE.safeParse(parseJson(text));
  if (!parsed.success) throw unknownLine(from, number, z.prettifyError(parsed.error));
  const { workspaceId, promptId, promotionId, ...event } = parsed.data;
  const prompt = promptId === null ? null : { id: globalIdOf('Prompt', promptId) };
  const promotion = promotionId === null ? null : { id: globalIdOf('Promotion', promotionId) };
  return { workspaceId, promptId, promotionId, event: { ...event, prompt, promotion } };
}

function unknownLine(from: string, number: number, why: string): CliError {
  return new CliError(
    EXIT_CODE.REFUSED,
    `line ${number} of ${from} is no event as "promptforge audit export" writes them: ${why}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
