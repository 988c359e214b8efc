import { createHash } from 'node:crypto';
import { byteLines } from './byte-lines.ts';
import type { ByteLine } from './byte-lines.ts';
import { kindOf, parseImportLine } from './import-line.ts';
import type { ImportedVersion } from './import-line.ts';

/** Where a good line stands and what it will weigh: the text itself stays in the file. */
export interface SurveyedLine {
  readonly number: number;
  readonly offset: number;
  readonly length: number;
  /** Of the version as it is sent. */
  readonly sentBytes: number;
}

export interface SurveyedPrompt {
  readonly slug: string;
  readonly lines: SurveyedLine[];
  /** Good lines, also those that are not sent. */
  versions: number;
  faulty: boolean;
  last: {
    readonly number: number;
    readonly committedAt: string;
    readonly kind: string;
    readonly digest: string;
  } | null;
}

export interface LineFault {
  readonly line: number;
  readonly slug: string | null;
  readonly reason: string;
}

export interface Survey {
  /** In the order of their first good lines. */
  readonly prompts: ReadonlyMap<string, SurveyedPrompt>;
  /** Lines that repeat the one before them in their prompt. */
  readonly repeated: number;
}

/** The largest request that the server takes is 8 MiB; beyond, a line could never be sent. */
const LINE_BYTES_MAX = 7 * 1024 * 1024;

/**
 * Reads a whole file of versions once, so that a prompt with a bad line anywhere is known before anything is sent.
 * Memory grows with the number of lines (some hundred bytes each), not with their length.
 */
export async function surveyImport(
  chunks: AsyncIterable<Buffer>,
  onFault: (fault: LineFault) => void,
): Promise<Survey> {
  const prompts = new Map<string, SurveyedPrompt>();
  const broken = new Set<string>();
  let repeated = 0;
  for await (const line of byteLines(chunks, LINE_BYTES_MAX)) {
    if (isBlank(line)) continue;
    const parsed = parse(line);
    if (!parsed.ok) {
      onFault({ line: line.number, slug: parsed.slug, reason: parsed.reason });
      if (parsed.slug !== null) broken.add(parsed.slug);
      continue;
    }
    const prompt = promptOf(prompts, parsed.version.slug);
    const outcome = place(prompt, line, parsed.version);
    if (outcome === 'repeated') repeated += 1;
    else if (outcome !== 'placed') {
      onFault({ line: line.number, slug: prompt.slug, reason: outcome.reason });
      prompt.faulty = true;
    }
  }
  for (const slug of broken) markFaulty(prompts.get(slug));
  return { prompts, repeated };
}

function parse(line: ByteLine): ReturnType<typeof parseImportLine> {
  if (line.bytes !== null) return parseImportLine(line.bytes);
  return { ok: false, slug: null, reason: `has ${line.length} bytes: a line has at most ${LINE_BYTES_MAX}` };
}

function isBlank({ bytes }: ByteLine): boolean {
  return bytes !== null && bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function promptOf(prompts: Map<string, SurveyedPrompt>, slug: string): SurveyedPrompt {
  const known = prompts.get(slug);
  if (known !== undefined) return known;
  const prompt: SurveyedPrompt = { slug, lines: [], versions: 0, faulty: false, last: null };
  prompts.set(slug, prompt);
  return prompt;
}

function place(
  prompt: SurveyedPrompt,
  line: ByteLine,
  version: ImportedVersion,
): 'placed' | 'repeated' | { readonly reason: string } {
  const json = JSON.stringify(version);
  const { committedAt } = version;
  const { last } = prompt;
  const kind = kindOf(version);
  const digest = createHash('sha256').update(json).digest('base64');
  if (last !== null && kind !== last.kind) {
    return {
      reason: `is ${kind} and line ${last.number} of the same prompt is ${last.kind}: a prompt has one kind`,
    };
  }
  // One form, UTC and of one length (years have four digits): the texts order as their moments do.
  if (last !== null && committedAt < last.committedAt) {
    return {
      reason: `"committedAt" is ${committedAt}, before line ${last.number} of the same prompt (${last.committedAt}): write versions oldest first`,
    };
  }
  if (last !== null && committedAt === last.committedAt) {
    if (digest === last.digest) return 'repeated';
    return {
      reason: `has the slug and "committedAt" of line ${last.number}, but another text: a version is known by these two, so give them different times`,
    };
  }
  prompt.versions += 1;
  prompt.last = { number: line.number, committedAt, kind, digest };
  const sentBytes = Buffer.byteLength(json);
  prompt.lines.push({ number: line.number, offset: line.offset, length: line.length, sentBytes });
  return 'placed';
}

function markFaulty(prompt: SurveyedPrompt | undefined): void {
  if (prompt !== undefined) prompt.faulty = true;
}
