import { z } from 'zod';
import { MESSAGE_ROLES } from '../domain/template.ts';
import type { Message } from '../domain/template.ts';
import { chatText, CHAT_RULE, parseChatText } from '../domain/version-chat.ts';
import { messagesOf, readable } from './shown-text.ts';
import type { HeldText } from './shown-text.ts';

const MESSAGES = z.array(
  z.object({ role: z.enum(MESSAGE_ROLES), content: z.string(), name: z.string().nullable().default(null) }),
);

export type Kind = 'TEXT' | 'CHAT';

/** What of a version is edited; config and variables stay with it. */
export type EditedSource = { readonly template: string } | { readonly messages: readonly Message[] };

/** A version's text as an editor gets it. Editors end a file with a newline: one is added where the text has none. */
export function editorText(held: HeldText): string {
  const text = readable(held);
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** What the editor left, without the newline that was added for it. */
export function editedText(held: HeldText, file: string): string {
  return readable(held).endsWith('\n') ? file : file.replace(/\n$/, '');
}

/** Text as content of its kind; CHAT as the form that is shown, or as JSON. Or what is wrong with it. */
export function parseSource(kind: Kind, text: string): EditedSource | { readonly fault: string } {
  if (kind === 'TEXT') return { template: text };
  if (!/^\s*\[\s*\{/.test(text)) {
    const parsed = parseChatText(text);
    return 'fault' in parsed ? parsed : { messages: parsed.messages };
  }
  const messages = MESSAGES.safeParse(parseJson(text));
  if (!messages.success)
    return { fault: `is no JSON list of {"role", "content"}, and does not begin with ${CHAT_RULE}` };
  return { messages: messagesOf({ messages: messages.data }) };
}

/** Whether the edit says what the version says already. */
export function isSameSource(held: HeldText, source: EditedSource): boolean {
  return readable(held) === ('template' in source ? source.template : chatText(source.messages));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
