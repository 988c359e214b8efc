import { isSlug, SLUG_RULE } from '../domain/prompt.ts';
import { requireCommittedAt, requireVersionMessage } from '../domain/version.ts';
import type { ContentInput } from '../domain/version.ts';
import { contentOf, found, refusalOf } from './import-content.ts';
import type { Fields } from './import-content.ts';

/** A version as `importVersions` takes it. */
export interface ImportedVersion {
  readonly slug: string;
  /** In UTC, with milliseconds: two writings of one moment are one version. */
  readonly committedAt: string;
  readonly message: string | null;
  readonly content: ContentInput;
}

export type ParsedLine =
  | { readonly ok: true; readonly version: ImportedVersion }
  /** The slug as far as it can be read: the prompt is left out with the line. */
  | { readonly ok: false; readonly slug: string | null; readonly reason: string };

const DATE =
  /^(\d{4}-(0[1-9]|1[0-2])-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;
const DATE_RULE = 'a date with time and zone (RFC 3339), such as "2026-01-31T12:00:00Z"';
const LINE_RULE =
  '{"slug", "committedAt", "template"} or, for CHAT, "messages" in place of "template"; "message" says why';

/** Parses one line of a file of versions. All of its faults are told, each with what would be right. */
export function parseImportLine(bytes: Uint8Array, now: Date = new Date()): ParsedLine {
  const text = decode(bytes);
  if (text === null) {
    return { ok: false, slug: slugIn(bytes), reason: 'is not UTF-8: save the file as UTF-8' };
  }
  const value = parseJson(text);
  if (value === undefined) {
    return { ok: false, slug: slugIn(bytes), reason: `is not JSON: each line is one object ${LINE_RULE}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, slug: null, reason: `is JSON, but no object: write ${LINE_RULE}` };
  }
  const fields = value as Fields;
  const { slug, committedAt, message = null } = fields;
  const { content, fault } = contentOf(fields);
  const faults = [slugFault(slug), dateFault(committedAt, now), messageFault(message), fault].filter(
    (told) => told !== null,
  );
  if (content === null || faults.length > 0) {
    return { ok: false, slug: typeof slug === 'string' ? slug : null, reason: faults.join('; ') };
  }
  return {
    ok: true,
    version: {
      slug: String(slug),
      committedAt: utc(String(committedAt)),
      message: typeof message === 'string' ? message : null,
      content,
    },
  };
}

/** Which kind of prompt the version is of. */
export function kindOf(version: ImportedVersion): 'TEXT' | 'CHAT' {
  return 'template' in version.content ? 'TEXT' : 'CHAT';
}

function slugFault(slug: unknown): string | null {
  if (typeof slug !== 'string') return `"slug" is ${found(slug)}: write a text, such as "support/assistant"`;
  return isSlug(slug) ? null : `"slug" is ${found(slug)}: a slug is ${SLUG_RULE}`;
}

function dateFault(committedAt: unknown, now: Date): string | null {
  if (typeof committedAt !== 'string' || !isDate(committedAt)) {
    return `"committedAt" is ${found(committedAt)}: write ${DATE_RULE}`;
  }
  return refusalOf(() => requireCommittedAt('committedAt', new Date(utc(committedAt)), now));
}

function messageFault(message: unknown): string | null {
  if (message !== null && typeof message !== 'string')
    return `"message" is ${found(message)}: write a text, or leave it out`;
  return refusalOf(() => requireVersionMessage('message', message));
}

function isDate(text: string): boolean {
  const [, day] = DATE.exec(text) ?? [];
  if (day === undefined) return false;
  // Date.parse takes 30 February for 1 or 2 March.
  const midnight = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(day)) return false;
  // A zone can push a moment out of the years of four digits, and out of the order of texts.
  return /^\d{4}-/.test(utc(text));
}

function utc(date: string): string {
  return new Date(date.toUpperCase()).toISOString();
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whose version a broken line was meant to be, when it still shows. */
function slugIn(bytes: Uint8Array): string | null {
  return /"slug"\s*:\s*"([^"\\]{1,200})"/.exec(Buffer.from(bytes).toString('utf8'))?.[1] ?? null;
}
