import { pipeline } from 'node:stream/promises';
import { openExport } from './audit-stream.ts';
import { CliError } from './cli-error.ts';
import { parseConnection } from './connection.ts';
import { EXIT_CODE } from './exit-codes.ts';
import { writeNewFile } from './new-file.ts';
import { counted } from './output.ts';
import { startProgress } from './progress.ts';

const NEWLINE = 0x0a;

export interface ExportOptions extends Record<string, unknown> {
  readonly since?: string;
  readonly until?: string;
  readonly after: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** @returns the exit code. @throws CliError */
export async function exportAudit(options: ExportOptions): Promise<number> {
  const { since, until, after, out, json = false } = options;
  const stream = await openExport(parseConnection(options), { after, since, until });
  if (stream === null)
    throw new CliError(EXIT_CODE.REFUSED, 'the server is of a version that exports no trail');
  const progress = startProgress(Math.max(0, stream.head - after), 'events');
  let events = 0;
  const lines = counting(stream.chunks, (count) => {
    events += count;
    progress.advance(count);
  });
  try {
    if (out === undefined) await pipeline(lines, process.stdout, { end: false });
    else {
      await writeNewFile(out, async (file) => {
        for await (const chunk of lines) await file.writeFile(chunk);
      });
    }
  } finally {
    progress.stop();
  }
  // Without a file the lines are the result, and JSON each.
  if (out !== undefined && json) process.stdout.write(`${JSON.stringify({ file: out, events })}\n`);
  const missing = stream.missing();
  if (missing === 0) return EXIT_CODE.DONE;
  process.stderr.write(
    `${counted(missing, 'event')} that the server has counted ${missing === 1 ? 'is' : 'are'} not in its log: see "promptforge audit verify"\n`,
  );
  return EXIT_CODE.FAULTS;
}

async function* counting(
  chunks: AsyncIterable<Buffer>,
  advance: (count: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    let count = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count += 1;
    advance(count);
  }
}
