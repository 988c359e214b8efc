import { isDeepStrictEqual } from 'node:util';
import { Document, isMap, parseDocument, visit } from 'yaml';
import type { YAMLError } from 'yaml';
import { z } from 'zod';
import { VARIABLE_TYPES } from '../domain/template.ts';

export const FENCE = '---\n';
const YAML = { version: '1.2', schema: 'core' } as const;
/** Folded lines would be the same value; whole ones make the smaller diff. */
const WHOLE_LINES = { lineWidth: 0, doubleQuotedMinMultiLineLength: Infinity };
const KINDS = ['TEXT', 'CHAT'] as const;
const VARIABLE = z.strictObject({
  name: z.string(),
  type: z.enum(VARIABLE_TYPES).optional(),
  required: z.boolean().optional(),
  default: z.unknown().optional(),
  description: z.string().optional(),
  options: z.array(z.string()).optional(),
});
const FRONT_MATTER = z.strictObject({
  kind: z.enum(KINDS).default('TEXT'),
  version: z.int().min(1).optional(),
  contentHash: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .optional(),
  description: z.string().nullish(),
  owner: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  config: z.unknown().optional(),
  variables: z.array(VARIABLE).nullish(),
});

/** What stands above the text of a prompt file: strict, so that a misspelt key is a fault and not a lost setting. */
export type FrontMatter = z.infer<typeof FRONT_MATTER>;

export type ParsedFrontMatter =
  | { readonly front: FrontMatter; readonly fault: null }
  | { readonly front: null; readonly fault: string };

/** Splits a file at the lines `---`; `yaml` null: it begins with no such line, all of it is text. */
export function splitFile(text: string): {
  readonly yaml: string | null;
  readonly body: string;
  readonly fault: string | null;
} {
  if (/^---[ \t]*\r\n/.test(text)) return { yaml: null, body: text, fault: CRLF_FAULT };
  if (!text.startsWith(FENCE)) return { yaml: null, body: text, fault: null };
  // The second fence may follow the first at once.
  const end = text.indexOf(`\n${FENCE}`, FENCE.length - 1);
  if (end !== -1) {
    return { yaml: text.slice(FENCE.length, end + 1), body: text.slice(end + 1 + FENCE.length), fault: null };
  }
  // An editor that takes the last newline away leaves an empty text.
  if (text.endsWith('\n---')) return { yaml: text.slice(FENCE.length, -3), body: '', fault: null };
  return {
    yaml: null,
    body: text,
    fault: 'begins with "---", but no second line "---" ends the front matter: the text follows that one',
  };
}

const CRLF_FAULT =
  'has lines that end with CRLF in its front matter, so the text may have been changed as well: write LF. Where git changed it, put "*.prompt.md -text" into .gitattributes and check the file out again';

export function parseFrontMatter(yaml: string): ParsedFrontMatter {
  if (yaml.includes('\r\n')) return { front: null, fault: CRLF_FAULT };
  const document = parseDocument(yaml, YAML);
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) return { front: null, fault: yamlFault(problem) };
  const parsed = FRONT_MATTER.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (parsed.success) return { front: parsed.data, fault: null };
  const faults = parsed.error.issues.map(({ path, message }) => {
    return `front matter: ${path.length === 0 ? '' : `${path.map(String).join('.')}: `}${message}`;
  });
  return { front: null, fault: faults.join('; ') };
}

/** One line, with the line of the file: the first line of the YAML is its second. */
function yamlFault({ message, linePos }: YAMLError): string {
  const [what = ''] = message.split(/ at line \d/);
  return `line ${(linePos?.[0].line ?? 0) + 1}: front matter: ${what.trimEnd()}`;
}

/** The lines between the fences. */
export function frontMatterText(front: FrontMatter): string {
  return written(new Document(front, { ...YAML, aliasDuplicateObjects: false }));
}

/**
 * The same lines with other values: what does not differ stays as somebody wrote it, with its comments and in its order.
 * A member that is undefined is taken out.
 */
export function revisedFrontMatter(yaml: string, changes: Partial<FrontMatter>): string {
  const document = parseDocument(yaml, YAML);
  if (!isMap(document.contents)) return frontMatterText({ kind: 'TEXT', ...changes });
  const before = document.toJS() as Readonly<Record<string, unknown>>;
  for (const [key, value] of Object.entries(changes)) {
    if (isDeepStrictEqual(before[key], value)) continue;
    if (value === undefined) document.delete(key);
    else document.set(key, document.createNode(value, { aliasDuplicateObjects: false }));
  }
  return written(document);
}

function written(document: Document.Parsed | Document): string {
  visit(document, {
    Scalar: (_key, node) => {
      const { value } = node;
      if (typeof value === 'string' && value.includes('\n') && !isPlainBlock(value))
        node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString(WHOLE_LINES);
}

/** Whether the text is safe as a block of lines: the library loses a line of spaces there (" \n" comes back as "\n"). */
function isPlainBlock(text: string): boolean {
  return /^\S/.test(text) && !/[^\S\n](\n|$)|\n\n$|[\r\u0085\u2028\u2029]/.test(text);
}
