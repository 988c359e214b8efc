import type { SurveyedLine, SurveyedPrompt } from './import-survey.ts';

const VERSIONS_MAX = 100;
/** The server takes bodies of 8 MiB; the rest is for the document, the names of fields, and a cautious proxy. */
const BYTES_MAX = 6_000_000;

/** A line that goes into a call, with the prompt it belongs to. */
export interface BatchedLine extends SurveyedLine {
  readonly slug: string;
}

/**
 * Packs prompts into calls by count and bytes. A prompt that fits into one call is never torn, because a call is all or
 * nothing; one that does not is sent in several, in order.
 */
export function* importBatches(prompts: Iterable<SurveyedPrompt>): Generator<readonly BatchedLine[]> {
  let batch: BatchedLine[] = [];
  let bytes = 0;
  const fits = (lines: readonly SurveyedLine[]): boolean =>
    batch.length + lines.length <= VERSIONS_MAX && bytes + bytesOf(lines) <= BYTES_MAX;
  for (const { slug, lines } of prompts) {
    if (batch.length > 0 && !fits(lines)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    for (const line of lines) {
      if (batch.length > 0 && !fits([line])) {
        yield batch;
        [batch, bytes] = [[], 0];
      }
      batch.push({ ...line, slug });
      bytes += bytesOf([line]);
    }
  }
  if (batch.length > 0) yield batch;
}

/** With the comma between two versions. */
function bytesOf(lines: readonly SurveyedLine[]): number {
  return lines.reduce((sum, { sentBytes }) => sum + sentBytes + 1, 0);
}
