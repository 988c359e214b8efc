import { FENCE, frontMatterText, parseFrontMatter, revisedFrontMatter, splitFile } from './front-matter.ts';
import type { FrontMatter } from './front-matter.ts';
import { contentOf } from './import-content.ts';
import { chatText, parseChatText } from '../domain/version-chat.ts';
import { contentHash, parseContent } from '../domain/version.ts';
import type { Content } from '../domain/version.ts';

/** The version that a file was made from. */
export interface Base {
  readonly version: number;
  readonly contentHash: string;
}

/** What is true of the prompt and not of a version. */
export interface Metadata {
  readonly description: string | null;
  readonly owner: string | null;
  readonly tags: readonly string[];
}

export interface PromptFile {
  readonly content: Content;
  /** Of the content as it stands in the file; another one than the base's: it was edited. */
  readonly contentHash: string;
  /** null: the file was written by hand, and its prompt is new. */
  readonly base: Base | null;
  readonly metadata: Metadata;
}

export type ParsedPromptFile =
  | { readonly file: PromptFile; readonly fault: null }
  | { readonly file: null; readonly fault: string };

/** The text of a prompt as a file: settings between two lines `---`, then a TEXT template byte for byte, or the messages. */
export function promptFileText(content: Content, base: Base, metadata: Metadata): string {
  const front = Object.fromEntries(
    Object.entries(frontOf(content, base, metadata)).filter(([, value]) => value !== undefined),
  ) as FrontMatter;
  return `${FENCE}${frontMatterText(front)}${FENCE}${bodyOf(content)}`;
}

/** The file with what the server has now; how somebody wrote the settings that do not differ is kept. */
export function revisedFileText(text: string, content: Content, base: Base, metadata: Metadata): string {
  const { yaml } = splitFile(text);
  return `${FENCE}${revisedFrontMatter(yaml ?? '', frontOf(content, base, metadata))}${FENCE}${bodyOf(content)}`;
}

/** The file, made from another version: the content in it stays. */
export function rebasedFileText(text: string, base: Base, metadata?: Metadata): string {
  const { yaml, body } = splitFile(text);
  const about = metadata === undefined ? {} : metadataOf(metadata);
  return `${FENCE}${revisedFrontMatter(yaml ?? '', { ...base, ...about })}${FENCE}${body}`;
}

/** In the order of a new file. */
function frontOf(content: Content, base: Base, metadata: Metadata) {
  const { kind, config, variables } = content;
  return {
    kind,
    ...base,
    ...metadataOf(metadata),
    config: config ?? undefined,
    variables: variables.length === 0 ? undefined : (variables as NonNullable<FrontMatter['variables']>),
  };
}

function metadataOf({ description, owner, tags }: Metadata) {
  return {
    description: description ?? undefined,
    owner: owner ?? undefined,
    tags: tags.length === 0 ? undefined : [...tags],
  };
}

function bodyOf(content: Content): string {
  return content.kind === 'TEXT' ? content.template : chatText(content.messages);
}

/** Reads what {@link promptFileText} writes, and what people write like it. All rules of the server hold already here. */
export function parsePromptFile(text: string): ParsedPromptFile {
  const { yaml, body, fault } = splitFile(text);
  if (fault !== null) return { file: null, fault };
  const front = parseFrontMatter(yaml ?? '');
  if (front.fault !== null) return { file: null, fault: front.fault };
  const { kind, version, contentHash: baseHash, description, owner, tags, config, variables } = front.front;
  if ((version === undefined) !== (baseHash === undefined)) {
    return {
      file: null,
      fault:
        'front matter: "version" and "contentHash" stand together, as pull wrote them: restore the one that is missing, or take both away for a new prompt',
    };
  }
  const source = kind === 'TEXT' ? { template: body } : parseChatText(body);
  if ('fault' in source) return { file: null, fault: inFile(source.fault, linesAbove(text, body)) };
  const read = contentOf({ ...source, config, variables });
  if (read.content === null) return { file: null, fault: read.fault };
  const content = parseContent('content', read.content);
  return {
    file: {
      content,
      contentHash: contentHash(content),
      base: version === undefined || baseHash === undefined ? null : { version, contentHash: baseHash },
      metadata: { description: description ?? null, owner: owner ?? null, tags: tags ?? [] },
    },
    fault: null,
  };
}

/** A fault of the text, with the line of the file. */
function inFile(fault: string, above: number): string {
  return fault.replace(/^line (\d+)/, (_told, line: string) => `line ${Number(line) + above}`);
}

function linesAbove(text: string, body: string): number {
  return text.slice(0, text.length - body.length).split('\n').length - 1;
}
