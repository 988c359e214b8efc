import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** A fenced block of a Markdown file. */
export interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: text = '', index }) => ({
      language,
      text,
      line: markdown.slice(0, index).split('\n').length,
    }),
  );
}

export function withoutBlocks(markdown: string): string {
  return markdown.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

/** A printed output as a pattern: it stands for itself, and an ellipsis for whatever differs from run to run. */
export function printed(text: string): RegExp {
  const parts = text
    .trimEnd()
    .split('…')
    .map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.+')}$`);
}

/** The anchor that a heading gets: lower case, spaces as hyphens, punctuation dropped. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = [...withoutBlocks(markdown).matchAll(/^#+ +(.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** One command line as its words, with the quotes of a shell and `$NAME` from `variables`; single quotes keep it as it is. */
export function shellWords(line: string, variables: Readonly<Record<string, string>>): string[] {
  const fill = (text: string): string =>
    text.replaceAll(/\$(\w+)/g, (_, name: string) => variables[name] ?? '');
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word.replaceAll(
      /'([^']*)'|"([^"]*)"|([^'"]+)/g,
      (_, single?: string, double?: string, bare?: string) => single ?? fill(double ?? bare ?? ''),
    ),
  );
}

/** A curl command line as the request that it makes. @throws for an option that is not known here. */
export function parseCurl(words: readonly string[]): {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: string | null;
} {
  const request = {
    url: '',
    method: '',
    headers: {} as Record<string, string>,
    body: null as string | null,
  };
  const rest = words.slice(1);
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-i' || word === '-N') continue;
    if (word === '-d') request.body = rest.shift() ?? '';
    else if (word === '-H') {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(rest.shift() ?? '') ?? [];
      request.headers[name.toLowerCase()] = value;
    } else if (/^https?:/.test(word) && request.url === '') request.url = word;
    else throw new Error(`curl: ${word}`);
  }
  return { ...request, method: request.body === null ? 'GET' : 'POST' };
}
