import type { Message } from '../domain/template.ts';
import { chatText } from '../domain/version-chat.ts';
import { harmless } from './output.ts';

/** The text of a version, as the graph answers it. */
export interface HeldText {
  readonly template: string | null;
  readonly messages: readonly (Omit<Message, 'name'> & { readonly name: string | null })[] | null;
}

/** The text as people read it, and as they edit it. */
export function readable(held: HeldText): string {
  return held.template ?? chatText(messagesOf(held));
}

/** A name that is absent is absent, not null. */
export function messagesOf({ messages }: Pick<HeldText, 'messages'>): Message[] {
  return (messages ?? []).map(({ role, name, content }) =>
    name === null ? { role, content } : { role, name, content },
  );
}

/** For a terminal: nothing in it is obeyed, and the prompt of the shell begins a line. */
export function onScreen(text: string): string {
  const shown = harmless(text);
  return shown === '' || shown.endsWith('\n') ? shown : `${shown}\n`;
}
