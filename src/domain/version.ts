import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { InvalidInput, Refusal } from './errors.ts';
import { requireJson } from './json.ts';
import { effectiveVariables, MESSAGE_ROLES, VARIABLES_MAX } from './template.ts';
import { variableFaults } from './template-faults.ts';
import type { JsonValue, Message, TemplateSource, Variable } from './template.ts';
import { optionalText, requireText } from './text.ts';

const CONTENT_BYTES_MAX = 1024 * 1024;
const MESSAGES_MAX = 500;
const NAME_LENGTH_MAX = 64;
const MESSAGE_LENGTH_MAX = 2_000;
const CLOCK_SKEW_MS = 5 * 60_000;

export class EditConflict extends Refusal {
  readonly code = 'EDIT_CONFLICT';
  readonly newestVersionId: string;

  constructor(baseVersion: number, newest: { id: string; number: number }) {
    super(
      `the edit started from version ${baseVersion}, but version ${newest.number} is the newest: nothing was saved`,
    );
    this.newestVersionId = newest.id;
  }
}

export class VersionNotFound extends Refusal {
  readonly code = 'VERSION_NOT_FOUND';
}

export class KindMismatch extends Refusal {
  readonly code = 'KIND_MISMATCH';
}

export type PromptKind = TemplateSource['kind'];

/** What a version holds. Immutable; two versions with the same content have the same contentHash. */
export type Content = TemplateSource & {
  readonly config: JsonValue;
  /**
   * The declared variables only, those that the text uses in order of first appearance, then the others as declared: the
   * order in which every answer shows them, so that who has the answer can recompute the hash.
   */
  readonly variables: readonly Variable[];
};

/** Content as it comes from outside: nothing checked, null and absent alike. */
export interface ContentInput {
  readonly template?: string | null | undefined;
  readonly messages?:
    | readonly { role: string; content: string; name?: string | null | undefined }[]
    | null
    | undefined;
  readonly config?: unknown;
  readonly variables?: readonly VariableInput[] | null | undefined;
}

export interface VariableInput {
  readonly name: string;
  readonly type?: Variable['type'] | null | undefined;
  readonly required?: boolean | null | undefined;
  readonly default?: unknown;
  readonly description?: string | null | undefined;
  readonly options?: readonly string[] | null | undefined;
}

/**
 * Parses content from outside. Texts stay byte for byte as they are.
 * @param field path of the content in the caller's input, for the refusal.
 * @throws InvalidInput
 */
export function parseContent(field: string, input: ContentInput): Content {
  const config = input.config ?? null;
  requireJson(`${field}.config`, config);
  const declared = parseVariables(field, input.variables ?? []);
  const source = parseSource(field, input);
  const bytes = contentBytes({ ...source, config, variables: declared });
  if (bytes > CONTENT_BYTES_MAX) {
    throw new InvalidInput(field, `has ${bytes} bytes, a version holds at most ${CONTENT_BYTES_MAX}`);
  }
  const effective = effectiveVariables(source, declared);
  if (effective.length > VARIABLES_MAX) {
    throw new InvalidInput(
      field,
      `has ${effective.length} variables, declared and in the text, a version has at most ${VARIABLES_MAX}`,
    );
  }
  const isDeclared = new Set(declared);
  return { ...source, config, variables: effective.filter((variable) => isDeclared.has(variable)) };
}

/** A version's content as it is stored, column by column. */
export interface StoredContent {
  readonly template: string | null;
  readonly messages: unknown;
  readonly config: unknown;
  readonly variables: unknown;
}

/** The content of a stored version; its columns were checked when it was saved. */
export function storedContent(row: StoredContent): Content {
  const rest = { config: (row.config ?? null) as JsonValue, variables: row.variables as readonly Variable[] };
  if (row.template !== null) return { kind: 'TEXT', template: row.template, ...rest };
  return { kind: 'CHAT', messages: row.messages as readonly Message[], ...rest };
}

/** "sha256:<hex>" over the RFC 8785 form of {config, kind, messages|template, variables}; null members stand, absent ones do not. */
export function contentHash(content: Content): string {
  const text = canonicalize(content);
  if (text === undefined) throw new Error('content has no canonical form');
  return `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`;
}

export function requireVersionMessage(field: string, message: string | null | undefined): string | null {
  return optionalText(field, message, MESSAGE_LENGTH_MAX);
}

/**
 * The time of a version that comes from elsewhere: of the years that every part of the way writes with four digits (an invalid
 * date has no year), and not in the future.
 * @throws InvalidInput
 */
export function requireCommittedAt(field: string, date: Date, now: Date): Date {
  const year = date.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) throw new InvalidInput(field, 'is no date of the years 1 to 9999');
  // A version from the future would keep every later one out: history is taken in oldest first.
  if (Number(date) > Number(now) + CLOCK_SKEW_MS)
    throw new InvalidInput(field, `is in the future (${date.toISOString()})`);
  return date;
}

/** When a version was made, as an export tells it and an import knows it: versions of one moment, or of a clock that went back, come one millisecond after another. */
export function dateInHistory(createdAtMs: number, previousMs: number | null): number {
  return previousMs === null ? createdAtMs : Math.max(createdAtMs, previousMs + 1);
}

function parseSource(field: string, input: ContentInput): TemplateSource {
  const { template = null, messages = null } = input;
  if ((template === null) === (messages === null)) {
    const found = template === null ? 'neither is given' : 'both are given';
    throw new InvalidInput(field, `needs either "template" (TEXT) or "messages" (CHAT): ${found}`);
  }
  if (template !== null)
    return { kind: 'TEXT', template: requireText(`${field}.template`, template, CONTENT_BYTES_MAX) };
  return { kind: 'CHAT', messages: parseMessages(`${field}.messages`, messages ?? []) };
}

function parseMessages(field: string, messages: NonNullable<ContentInput['messages']>): Message[] {
  if (messages.length === 0 || messages.length > MESSAGES_MAX) {
    throw new InvalidInput(field, `has ${messages.length} messages, 1 to ${MESSAGES_MAX} are allowed`);
  }
  return messages.map(({ role, content, name }, index) => {
    const known = MESSAGE_ROLES.find((candidate) => candidate === role);
    if (known === undefined)
      throw new InvalidInput(`${field}[${index}].role`, `is none of ${MESSAGE_ROLES.join(', ')}`);
    const text = requireText(`${field}[${index}].content`, content, CONTENT_BYTES_MAX);
    const spoken = optionalText(`${field}[${index}].name`, name, NAME_LENGTH_MAX);
    return spoken === null ? { role: known, content: text } : { role: known, content: text, name: spoken };
  });
}

function parseVariables(field: string, inputs: readonly VariableInput[]): Variable[] {
  if (inputs.length > VARIABLES_MAX) {
    throw new InvalidInput(
      `${field}.variables`,
      `has ${inputs.length} variables, at most ${VARIABLES_MAX} are allowed`,
    );
  }
  const variables = inputs.map((input, index) => parseVariable(`${field}.variables[${index}]`, input));
  const [fault] = variableFaults(variables);
  if (fault !== undefined) {
    throw new InvalidInput(`${field}.variables[${fault.index}].${fault.field}`, fault.message);
  }
  return variables;
}

function parseVariable(field: string, input: VariableInput): Variable {
  const fallback = input.default ?? null;
  requireJson(`${field}.default`, fallback);
  const description = optionalText(`${field}.description`, input.description, MESSAGE_LENGTH_MAX);
  const options = input.options?.map((option, index) =>
    requireText(`${field}.options[${index}]`, option, MESSAGE_LENGTH_MAX),
  );
  return {
    name: requireText(`${field}.name`, input.name, CONTENT_BYTES_MAX),
    type: input.type ?? 'STRING',
    required: input.required ?? true,
    ...(fallback === null ? {} : { default: fallback }),
    ...(description === null ? {} : { description }),
    ...(options === undefined ? {} : { options }),
  };
}

function contentBytes(content: Content): number {
  const texts =
    content.kind === 'TEXT' ? [content.template] : content.messages.map((message) => message.content);
  const rest = [content.config, content.variables].map((part) => (isEmpty(part) ? '' : JSON.stringify(part)));
  return [...texts, ...rest].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function isEmpty(part: JsonValue | readonly Variable[]): boolean {
  return part === null || (Array.isArray(part) && part.length === 0);
}
