import { MESSAGE_ROLES } from '../domain/template.ts';

/** A version as `importVersions` takes it. */
export interface ImportedVersion {
  readonly slug: string;
  /** In UTC, with milliseconds: two writings of one moment are one version. */
  readonly committedAt: string;
  readonly message: string;
  readonly content: Readonly<Record<string, unknown>>;
}

export type ParsedLine =
  | { readonly ok: true; readonly version: ImportedVersion }
  /** The slug as far as it can be read: the prompt is left out with the line. */
  | { readonly ok: false; readonly slug: string | null; readonly reason: string };

const SLUG_LENGTH_MAX = 200;
const SEGMENT = /^(?!\.{1,2}$)[a-z0-9._-]+$/;
const SLUG_RULE =
  'segments of a-z, 0-9, ".", "_" and "-" that are not "." or "..", separated by "/", at most 200 characters';
const DATE =
  /^(\d{4}-(0[1-9]|1[0-2])-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;
const DATE_RULE = 'a date with time and zone (RFC 3339), such as "2026-01-31T12:00:00Z"';
const LINE_RULE =
  '{"slug", "committedAt", "message", "template"} or, for CHAT, "messages" in place of "template"';

type Fields = Readonly<Record<string, unknown>>;

/** Parses one line of a file of versions; what is wrong says what would be right. */
export function parseImportLine(bytes: Uint8Array): ParsedLine {
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
  const fault = fieldFault(fields);
  const { slug, committedAt, message } = fields;
  if (fault !== null || typeof slug !== 'string' || typeof message !== 'string') {
    return { ok: false, slug: typeof slug === 'string' ? slug : null, reason: fault ?? 'is incomplete' };
  }
  return {
    ok: true,
    version: {
      slug,
      committedAt: utc(String(committedAt)),
      message,
      content: contentOf(fields),
    },
  };
}

/** Which kind of prompt the version is of. */
export function kindOf(version: ImportedVersion): 'TEXT' | 'CHAT' {
  return 'template' in version.content ? 'TEXT' : 'CHAT';
}

function fieldFault(fields: Fields): string | null {
  const { slug, committedAt, message } = fields;
  if (typeof slug !== 'string') return `"slug" is ${found(slug)}: write a text, such as "support/assistant"`;
  if (slug.length > SLUG_LENGTH_MAX || !slug.split('/').every((segment) => SEGMENT.test(segment))) {
    return `"slug" is ${found(slug)}: a slug is ${SLUG_RULE}`;
  }
  if (typeof committedAt !== 'string' || !isDate(committedAt)) {
    return `"committedAt" is ${found(committedAt)}: write ${DATE_RULE}`;
  }
  if (typeof message !== 'string')
    return `"message" is ${found(message)}: write a text, "" when there is none`;
  return contentFault(fields);
}

function contentFault(fields: Fields): string | null {
  const { template = null, messages = null, variables = null } = fields;
  if (template === null && messages === null)
    return 'has neither "template" nor "messages": write one of them';
  if (template !== null && messages !== null) return 'has both "template" and "messages": write one of them';
  if (template !== null && typeof template !== 'string')
    return `"template" is ${found(template)}: write a text`;
  if (variables !== null && !Array.isArray(variables)) {
    return `"variables" is ${found(variables)}: write a list of declarations`;
  }
  return messages === null ? null : messagesFault(messages);
}

function messagesFault(messages: unknown): string | null {
  if (!Array.isArray(messages) || messages.length === 0) {
    return `"messages" is ${found(messages)}: write a list of at least one {"role", "content"}`;
  }
  for (const [index, item] of messages.entries()) {
    const { role, content, name = null } = (item ?? {}) as Fields;
    const at = `"messages[${index}]`;
    if (!MESSAGE_ROLES.some((known) => known === role)) {
      return `${at}.role" is ${found(role)}: write one of ${MESSAGE_ROLES.join(', ')}`;
    }
    if (typeof content !== 'string') return `${at}.content" is ${found(content)}: write a text`;
    if (name !== null && typeof name !== 'string') return `${at}.name" is ${found(name)}: write a text`;
  }
  return null;
}

/** Only what the server's input knows: further fields of a message or a line are somebody's notes. */
function contentOf({ template = null, messages = null, config = null, variables = null }: Fields): Fields {
  const source =
    template === null ? { messages: (messages as readonly Fields[]).map(messageOf) } : { template };
  return {
    ...source,
    ...(config === null ? {} : { config }),
    ...(variables === null ? {} : { variables }),
  };
}

function messageOf({ role, content, name = null }: Fields): Fields {
  return { role, content, ...(name === null ? {} : { name }) };
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

function found(value: unknown): string {
  if (value === undefined) return 'missing';
  const json = JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 60)}...` : json;
}
