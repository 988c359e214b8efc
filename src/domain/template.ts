/**
 * The template grammar: the one implementation that server, SDK and CLI share. It imports nothing and needs nothing
 * of Node, so that it can be taken into a browser. Every string is a template; lengths and offsets count UTF-16 units.
 *
 *     template = { escape | variable | char }
 *     variable = "{{" ws* path ws* "}}"              ws: space, tab, CR, LF
 *     path     = ident { "." ( ident | digits ) }
 *     ident    = [A-Za-z_][A-Za-z0-9_]*              at most 64 characters
 *     escape   = an odd number of "\" before "{{"    half of them (rounded down), then a literal "{{"
 *                an even number before "{{"          half of them, then a variable if one starts there
 */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export const VARIABLE_TYPES = ['STRING', 'NUMBER', 'BOOLEAN', 'ENUM', 'JSON'] as const;
export type VariableType = (typeof VARIABLE_TYPES)[number];

export interface Variable {
  readonly name: string;
  readonly type: VariableType;
  readonly required: boolean;
  /** Used when no value is given. `null` is the same as no default. */
  readonly default?: JsonValue;
  readonly description?: string;
  /** The accepted values of an ENUM; no other type has options. */
  readonly options?: readonly string[];
}

export const MESSAGE_ROLES = ['SYSTEM', 'USER', 'ASSISTANT', 'TOOL'] as const;
export type MessageRole = (typeof MESSAGE_ROLES)[number];
export type Message = { readonly role: MessageRole; readonly content: string; readonly name?: string };

/** What a version holds: one template, or one for each message. */
export type TemplateSource =
  | { readonly kind: 'TEXT'; readonly template: string }
  | { readonly kind: 'CHAT'; readonly messages: readonly Message[] };

/** A source that was taken apart once, for who renders it often. */
export type ParsedTemplate = { source: TemplateSource; parts: readonly Parsed[]; found: readonly string[] };
type Names = readonly string[];
export type RenderOutcome =
  | { readonly ok: true; readonly text: string | null; readonly messages: readonly Message[] | null }
  | { readonly ok: false; readonly missing: Names; readonly unknown: Names; readonly invalid: Names };

export type LintWarning = { readonly message: string } & (
  | { readonly kind: 'STRAY_BRACES'; readonly offset: number; readonly messageIndex: number | null }
  | { readonly kind: 'UNUSED_VARIABLE'; readonly name: string }
);

/** Variables of one version, declared and found together. */
export const VARIABLES_MAX = 500;
/** A text of a million braces must not answer with a million warnings. */
export const STRAY_WARNINGS_MAX = 100;
/** Length that values may add to one rendering: a small template can repeat a large value beyond all memory. */
export const RENDERED_VALUES_MAX = 16 * 1024 * 1024;

/** Characters of a name; a longer one is no variable but text. */
export const NAME_LENGTH_MAX = 64;
const STRAY_MESSAGE = '"{{" starts no variable here and stays in the text; write "\\{{" if that is meant';
const SPACE = ' \t\r\n';
const DIGITS = '0123456789';
const WORD = `${DIGITS}_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ`;

/**
 * The variables of a version: those found in its text, in order of first appearance, then declared ones that no text
 * uses. A found one without a declaration is a required STRING. Render with the *declared* list, not with this one:
 * an undeclared variable also takes numbers, booleans and paths, which a declared STRING refuses.
 */
export function effectiveVariables(source: TemplateSource, declared: readonly Variable[]): Variable[] {
  const rest = variablesByName(declared);
  const found = [...placeholderNames(parseSource(source))].map((name) => {
    const variable = rest.get(name) ?? { name, type: 'STRING' as const, required: true };
    rest.delete(name);
    return variable;
  });
  return [...found, ...rest.values()];
}

/**
 * Fills the source with values in one pass; an inserted value is never scanned again.
 *
 * `null`, `undefined` and absent are the same: the declared default, otherwise missing. A variable declared with `required: false` is
 * never missing: where it, or a path into it, leads to nothing, it renders as "", in both modes.
 *
 * `strict` (the default): missing, unknown and wrongly typed values are refused, all at once; an undeclared variable takes a string,
 * number or boolean at the end of its path. Not strict: a missing placeholder stays as written, unknown values are ignored, wrongly
 * typed ones rendered. Refused in both modes, as `invalid`: a value that JSON cannot hold (NaN, a cycle, nesting beyond the stack) or
 * that brings the inserted text above {@link RENDERED_VALUES_MAX}.
 *
 * @returns names; for a value that is there but lacks the path, or has the wrong type at its end, the path
 */
export function renderTemplate(
  template: TemplateSource | ParsedTemplate,
  declared: readonly Variable[],
  values: { readonly [key: string]: JsonValue },
  options: { readonly strict?: boolean } = {},
): RenderOutcome {
  const { strict = true } = options;
  const { source, parts, found } = 'parts' in template ? template : parseTemplate(template);
  const byName = variablesByName(declared);
  const names = [...found, ...byName.keys()];
  const known = new Map(names.map((name) => [name, know(byName.get(name), own(values, name))]));
  const refusals = { missing: new Set<string>(), invalid: new Set<string>() };
  const filling = { strict, known, room: RENDERED_VALUES_MAX, ...refusals };
  const texts = parts.map(({ pieces }) =>
    pieces.map((piece) => (typeof piece === 'string' ? piece : fill(filling, piece))).join(''),
  );
  const misfits = names.filter((name) => known.get(name)?.fits === false);
  const strays = Object.keys(values).filter(
    (name) => !known.has(name) && (own(values, name) ?? null) !== null,
  );
  const [missing, unknown] = [[...refusals.missing], strict ? strays : []];
  const invalid = [...new Set([...refusals.invalid, ...(strict ? misfits : [])])];
  if (missing.length + unknown.length + invalid.length > 0) return { ok: false, missing, unknown, invalid };
  if (source.kind === 'TEXT') return { ok: true, text: texts.join(''), messages: null };
  const messages = source.messages.map((message, index) => ({ ...message, content: texts[index] ?? '' }));
  return { ok: true, text: null, messages };
}

/**
 * What a save mentions and accepts: runs of `{{` that start no variable (offset in the template or message; the first
 * {@link STRAY_WARNINGS_MAX}) and declared variables that no text uses.
 */
export function lintTemplate(source: TemplateSource, declared: readonly Variable[]): LintWarning[] {
  const parsed = parseSource(source);
  const used = placeholderNames(parsed);
  const stray = parsed.flatMap(({ strayOffsets }, index) => {
    const messageIndex = source.kind === 'CHAT' ? index : null;
    const warning = { kind: 'STRAY_BRACES' as const, messageIndex, message: STRAY_MESSAGE };
    return strayOffsets.map((offset) => ({ ...warning, offset }));
  });
  const unused = declared.flatMap(({ name }) => {
    const message = `"${name}" is declared and no text uses it`;
    return used.has(name) ? [] : [{ kind: 'UNUSED_VARIABLE' as const, name, message }];
  });
  return [...stray.slice(0, STRAY_WARNINGS_MAX), ...unused];
}

/** Whether a value that is there (not null) has the declared type. A declared STRING takes strings only. */
export function isValueOfType(value: JsonValue, variable: Pick<Variable, 'type' | 'options'>): boolean {
  const { type, options = [] } = variable;
  if (type === 'STRING') return typeof value === 'string';
  if (type === 'NUMBER') return Number.isFinite(value);
  if (type === 'BOOLEAN') return typeof value === 'boolean';
  if (type === 'ENUM') return typeof value === 'string' && options.includes(value);
  return true;
}

const variablesByName = (declared: readonly Variable[]) =>
  new Map(declared.map((variable) => [variable.name, variable]));

type Known = { readonly variable: Variable | undefined; readonly value: JsonValue; readonly fits: boolean };
type Refusals = { readonly missing: Set<string>; readonly invalid: Set<string> };
type Filling = Refusals & { readonly strict: boolean; readonly known: Map<string, Known>; room: number };

function know(variable: Variable | undefined, given: JsonValue | undefined): Known {
  const value = given ?? variable?.default ?? null;
  const fits = value === null || variable === undefined || isValueOfType(value, variable);
  return { variable, value, fits };
}

function fill(filling: Filling, { raw, path, name, inner }: Placeholder): string {
  const { strict, missing, invalid } = filling;
  const { variable, value, fits } = filling.known.get(name) ?? know(undefined, null);
  if (strict && !fits) return refuse(invalid, name, raw);
  const leaf = walk(value, inner);
  if (leaf === null && variable?.required === false) return '';
  if (leaf === null) return strict ? refuse(missing, value === null ? name : path, raw) : raw;
  if (strict && variable === undefined && typeof leaf === 'object') return refuse(invalid, path, raw);
  // Full: writing out what follows would cost time (one large object at each placeholder) for a text nobody gets.
  if (filling.room < 0) return raw;
  const written = stringify(leaf);
  filling.room -= written?.length ?? Infinity;
  return written === null || filling.room < 0 ? refuse(invalid, path, raw) : written;
}

function refuse(list: Set<string>, entry: string, raw: string): string {
  list.add(entry);
  return raw;
}

function own(value: object, key: string): JsonValue | undefined {
  return Object.hasOwn(value, key) ? (value as { readonly [key: string]: JsonValue })[key] : undefined;
}

/** What a path leads to; null when it leads to nothing. Only own properties and array elements are steps. */
function walk(value: JsonValue, steps: readonly string[]): JsonValue {
  let at = value;
  for (const step of steps) {
    if (at === null || typeof at !== 'object') return null;
    // An array owns its `length`, and no element "01".
    if (Array.isArray(at) && !/^[0-9]/.test(step)) return null;
    at = own(at, step) ?? null;
  }
  return at;
}

/** The text of a value, null when it has none. Numbers as ECMAScript writes them, which is what JSON does too. */
function stringify(value: JsonValue): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  try {
    // Undefined for what the types rule out and plain JavaScript passes all the same: a function, a symbol.
    const json: string | undefined = JSON.stringify(value);
    return json ?? null;
  } catch {
    return null;
  }
}

type Placeholder = { raw: string; path: string; name: string; inner: readonly string[] };
type Parsed = { pieces: readonly (string | Placeholder)[]; strayOffsets: readonly number[] };

export function parseTemplate(source: TemplateSource): ParsedTemplate {
  const parts = parseSource(source);
  return { source, parts, found: [...placeholderNames(parts)] };
}

function parseSource(source: TemplateSource): Parsed[] {
  if (source.kind === 'TEXT') return [parse(source.template)];
  return source.messages.map(({ content }) => parse(content));
}

function placeholderNames(parsed: readonly Parsed[]): Set<string> {
  const pieces = parsed.flatMap((part) => part.pieces);
  return new Set(pieces.flatMap((piece) => (typeof piece === 'string' ? [] : piece.name)));
}

/**
 * Linear, and by hand: what one attempt looks at ends before the next "{", so no character is looked at twice, and a
 * regular expression's own stack would not hold a path of half a million segments.
 */
function parse(text: string): Parsed {
  const pieces: (string | Placeholder)[] = [];
  const strayOffsets: number[] = [];
  let literalStart = 0;
  let lastStray = -2;
  let next = 0;
  for (let open = text.indexOf('{{'); open !== -1; open = text.indexOf('{{', next)) {
    const slashes = backslashesBefore(text, open);
    if (slashes > 0) {
      pieces.push(text.slice(literalStart, open - Math.ceil(slashes / 2)));
      literalStart = open;
    }
    const escaped = slashes % 2 === 1;
    const placeholder = escaped ? null : placeholderAt(text, open);
    next = open + (placeholder?.raw.length ?? (escaped ? 2 : 1));
    if (placeholder !== null) {
      pieces.push(text.slice(literalStart, open), placeholder);
      literalStart = next;
    } else if (!escaped) {
      if (open !== lastStray + 1) strayOffsets.push(open);
      lastStray = open;
    }
  }
  pieces.push(text.slice(literalStart));
  return { pieces, strayOffsets };
}

function backslashesBefore(text: string, open: number): number {
  let start = open;
  while (text[start - 1] === '\\') start -= 1;
  return open - start;
}

function placeholderAt(text: string, open: number): Placeholder | null {
  const start = runEnd(text, open + 2, SPACE);
  let end = identEnd(text, start);
  if (end === start) return null;
  while (text[end] === '.') {
    const step = end + 1;
    end = Math.max(identEnd(text, step), runEnd(text, step, DIGITS));
    if (end === step) return null;
  }
  const close = runEnd(text, end, SPACE);
  if (!text.startsWith('}}', close)) return null;
  const path = text.slice(start, end);
  const [name = path, ...inner] = path.split('.');
  return { raw: text.slice(open, close + 2), path, name, inner };
}

/** Where the identifier at `start` ends; `start` itself when there is none or it is too long. */
function identEnd(text: string, start: number): number {
  if (DIGITS.includes(text.charAt(start))) return start;
  const end = runEnd(text, start, WORD);
  return end - start > NAME_LENGTH_MAX ? start : end;
}

function runEnd(text: string, start: number, accepted: string): number {
  let end = start;
  while (end < text.length && accepted.includes(text.charAt(end))) end += 1;
  return end;
}
