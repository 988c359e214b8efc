import { MESSAGE_ROLES } from '../domain/template.ts';
import type { Message } from '../domain/template.ts';

/** A line that begins a message, or would if no backslashes stood before it. */
const LOOKS_LIKE_HEADER = /^\\*=== /;
const HEADER = /^=== ([A-Z]+)(?: (\S.*))?$/s;
const PLAIN_NAME = /^[\p{L}\p{N}._-]+$/u;

export type ParsedChat =
  | { readonly messages: readonly Message[]; readonly fault: null }
  | { readonly messages: null; readonly fault: string };

/**
 * Messages as text: each a line `=== ROLE` or `=== ROLE name`, its content and one newline. A line of a content that looks like such
 * a line, or like one with backslashes before it, gets one backslash more; so whatever the contents are, they come back.
 */
export function chatText(messages: readonly Message[]): string {
  return messages
    .map(({ role, name, content }) => {
      const speaker = name === undefined ? '' : ` ${PLAIN_NAME.test(name) ? name : JSON.stringify(name)}`;
      return `=== ${role}${speaker}\n${mapLines(content, escape)}\n`;
    })
    .join('');
}

/** Reads what {@link chatText} writes, also where an editor took the last newline away. `lineOffset`: lines before the text. */
export function parseChatText(text: string, lineOffset: number): ParsedChat {
  const messages: { role: Message['role']; name?: string; lines: string[] }[] = [];
  const lines = text.split('\n');
  // What follows the newline that ends the last message is no line.
  if (lines.at(-1) === '') lines.pop();
  for (const [index, line] of lines.entries()) {
    const at = `line ${index + 1 + lineOffset}`;
    if (line.startsWith('=== ')) {
      const header = parseHeader(line);
      if (header === null) {
        return fail(
          `${at}: ${JSON.stringify(line.slice(0, 60))} begins no message: write "=== ROLE" or "=== ROLE name" with one of ${MESSAGE_ROLES.join(', ')}; if it is text, put a backslash before it`,
        );
      }
      messages.push({ ...header, lines: [] });
      continue;
    }
    const message = messages.at(-1);
    if (message !== undefined) message.lines.push(unescape(line));
    else if (line.trim() !== '') return fail(`${at}: text before the first message: begin with "=== SYSTEM"`);
  }
  if (messages.length === 0) return fail('a CHAT prompt has at least one message: begin with "=== SYSTEM"');
  return {
    messages: messages.map(({ lines: own, ...rest }) => ({ ...rest, content: own.join('\n') })),
    fault: null,
  };
}

function parseHeader(line: string): { role: Message['role']; name?: string } | null {
  const [, word, spoken] = HEADER.exec(line) ?? [];
  const role = MESSAGE_ROLES.find((known) => known === word);
  if (role === undefined) return null;
  if (spoken === undefined) return { role };
  const name = spoken.startsWith('"') ? parseQuoted(spoken) : spoken;
  return name === null ? null : { role, name };
}

function parseQuoted(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

function escape(line: string): string {
  return LOOKS_LIKE_HEADER.test(line) ? `\\${line}` : line;
}

function unescape(line: string): string {
  return line.startsWith('\\') && LOOKS_LIKE_HEADER.test(line) ? line.slice(1) : line;
}

/** By LF alone: a regular expression's lines also end at CR and U+2028. */
function mapLines(text: string, change: (line: string) => string): string {
  return text.split('\n').map(change).join('\n');
}

function fail(fault: string): ParsedChat {
  return { messages: null, fault };
}
