import { MESSAGE_ROLES } from './template.ts';
import type { Message } from './template.ts';

const PLAIN_NAME = /^[\w.-]+$/;
const LOOKS_LIKE_HEADER = /^(?=\\*\[\d+\] )/gm;
const ESCAPED = /^\\(?=\\*\[\d+\] )/gm;
const HEADER = /^\[\d+\] ([^\n]*)(?:\n|$)/gm;
const SPEAKER = /^(\w+)(?: \((.*)\))?\r?$/s;
export const CHAT_RULE = `[1] ROLE or [1] ROLE (name), with a role of ${MESSAGE_ROLES.join(', ')}`;

/**
 * Messages as lines: each is a header line `[1] SYSTEM (name)`, its content and one newline; a content's line that looks like a header,
 * or like one with backslashes before it, has one backslash more. So two different chats never have the same text.
 */
export function chatText(messages: readonly Message[]): string {
  return messages.map(messageText).join('');
}

export type ParsedChat = { readonly messages: readonly Message[] } | { readonly fault: string };

/** What chatText wrote, perhaps changed by hand: the order counts, not the numbers. The newline at the very end may be missing. */
export function parseChatText(text: string): ParsedChat {
  const headers = [...text.matchAll(HEADER)];
  if (headers[0]?.index !== 0) return { fault: `line 1: a message begins with a line ${CHAT_RULE}` };
  const messages: Message[] = [];
  for (const [position, { 0: line, 1: written = '', index }] of headers.entries()) {
    const speaker = parseSpeaker(written);
    if (speaker === null) {
      const number = text.slice(0, index).split('\n').length;
      return {
        fault: `line ${number}: write ${CHAT_RULE}; a line of text that looks so begins with a backslash`,
      };
    }
    const content = text.slice(index + line.length, headers[position + 1]?.index);
    messages.push({ ...speaker, content: content.replace(/\n$/, '').replaceAll(ESCAPED, '') });
  }
  return { messages };
}

function messageText({ role, name, content }: Message, index: number): string {
  const speaker = name === undefined ? '' : ` (${PLAIN_NAME.test(name) ? name : JSON.stringify(name)})`;
  return `[${index + 1}] ${role}${speaker}\n${content.replaceAll(LOOKS_LIKE_HEADER, '\\')}\n`;
}

function parseSpeaker(written: string): Pick<Message, 'role' | 'name'> | null {
  const [, word, quoted] = SPEAKER.exec(written) ?? [];
  const role = MESSAGE_ROLES.find((known) => known === word);
  if (role === undefined) return null;
  if (quoted === undefined) return { role };
  const name = PLAIN_NAME.test(quoted) ? quoted : parseQuoted(quoted);
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
