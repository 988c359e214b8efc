import { z } from 'zod';
import { InvalidInput } from '../domain/errors.ts';
import { MESSAGE_ROLES, VARIABLE_TYPES } from '../domain/template.ts';
import { parseContent } from '../domain/version.ts';
import type { ContentInput } from '../domain/version.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** What a line holds beside its slug, date and message; further members are somebody's notes. */
export type ContentOrFault =
  | { readonly content: ContentInput; readonly fault: null }
  | { readonly content: null; readonly fault: string };

const DECLARATION = z.object({
  name: z.string(),
  type: z.enum(VARIABLE_TYPES).nullish(),
  required: z.boolean().nullish(),
  default: z.unknown().optional(),
  description: z.string().nullish(),
  options: z.array(z.string()).nullish(),
});

/**
 * The content of a line, as `importVersions` takes it and by the rules that the server has: what it refuses stops a prompt
 * of several calls halfway, so it has to show before the first.
 */
export function contentOf(fields: Fields): ContentOrFault {
  const fault = shapeFault(fields);
  if (fault !== null) return { content: null, fault };
  const content = sent(fields);
  const refusal = refusalOf(() => parseContent('content', content));
  return refusal === null ? { content, fault: null } : { content: null, fault: refusal };
}

/** Why a rule of the domain refuses a line, told by the names of the line. */
export function refusalOf(rule: () => unknown): string | null {
  try {
    rule();
    return null;
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const name = error.field.replace(/^content\.?/, '');
    return `${name === '' ? '' : `"${name}" `}${error.message.slice(`${error.field}: `.length)}`;
  }
}

export function found(value: unknown): string {
  if (value === undefined) return 'missing';
  const json = JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 60)}...` : json;
}

function shapeFault({ template = null, messages = null, variables = null }: Fields): string | null {
  if (template === null && messages === null)
    return 'has neither "template" nor "messages": write one of them';
  if (template !== null && messages !== null) return 'has both "template" and "messages": write one of them';
  if (template !== null && typeof template !== 'string')
    return `"template" is ${found(template)}: write a text`;
  if (variables !== null && !Array.isArray(variables)) {
    return `"variables" is ${found(variables)}: write a list of declarations`;
  }
  return messagesFault(messages) ?? declarationsFault(variables ?? []);
}

function messagesFault(messages: unknown): string | null {
  if (messages === null) return null;
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

function declarationsFault(variables: readonly unknown[]): string | null {
  for (const [index, variable] of variables.entries()) {
    const parsed = DECLARATION.safeParse(variable);
    if (parsed.success) continue;
    const [issue] = parsed.error.issues;
    return `"${['variables', index, ...(issue?.path ?? [])].join('.')}": ${issue?.message ?? 'is no declaration'}`;
  }
  return null;
}

function sent({ template = null, messages = null, config = null, variables = null }: Fields): ContentInput {
  const source =
    typeof template === 'string'
      ? { template }
      : { messages: (messages as readonly Fields[]).map(messageOf) };
  return {
    ...source,
    ...(config === null ? {} : { config }),
    ...(variables === null ? {} : { variables: z.array(DECLARATION).parse(variables) }),
  };
}

function messageOf({ role, content, name = null }: Fields): { role: string; content: string; name?: string } {
  const message = { role: String(role), content: String(content) };
  return typeof name === 'string' ? { ...message, name } : message;
}
