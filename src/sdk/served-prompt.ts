import type { JsonValue, Message, Variable } from '../domain/template.ts';
import { canonicalJson, sha256 } from './canonical.ts';
import type { ServedPrompt, ServedVariable } from './types.ts';

/** An answer does not have the shape that docs/http.md says. */
class Malformed extends Error {}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a prompt as delivery answers it, or the same with nulls for what is absent, as the graph does. What else stands there is ignored.
 * @throws Malformed
 */
export function parseServed(value: unknown): ServedPrompt {
  const fields = parseFields(value, 'a prompt');
  const kind = fields['kind'];
  if (kind !== 'TEXT' && kind !== 'CHAT') throw new Malformed(`"kind" is ${show(kind)}, not TEXT or CHAT`);
  return {
    slug: parseText(fields, 'slug'),
    version: parseCount(fields, 'version'),
    channel: parseText(fields, 'channel'),
    kind,
    template: kind === 'TEXT' ? parseText(fields, 'template') : null,
    messages: kind === 'CHAT' ? parseList(fields, 'messages').map(parseMessage) : null,
    config: (fields['config'] ?? null) as JsonValue,
    variables: parseList(fields, 'variables').map(parseVariable),
    contentHash: parseText(fields, 'contentHash'),
    promotedAt: parseText(fields, 'promotedAt'),
  };
}

/** As delivery answers it: what a prompt of its kind does not have is absent. */
export function asDelivered(served: ServedPrompt): Fields {
  const { template, messages, ...rest } = served;
  return template === null ? { ...rest, messages } : { ...rest, template };
}

/** What `contentHash` has to be: docs/http.md says over what. */
export async function contentHashOf(served: ServedPrompt): Promise<string> {
  const { kind, config, template, messages, variables } = served;
  const declared = variables.flatMap(({ declared: isDeclared, ...variable }) =>
    isDeclared ? [variable] : [],
  );
  const content = { kind, config, variables: declared, ...(template === null ? { messages } : { template }) };
  return sha256(canonicalJson(content));
}

/** Everything in it, so that no caller changes what the next one is given. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

export function parseFields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Malformed(`${what} is ${show(value)}, not an object`);
  return value as Fields;
}

export function parseText(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new Malformed(`"${name}" is ${show(value)}, not a text`);
  return value;
}

export function parseCount(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Malformed(`"${name}" is ${show(value)}, not a whole number`);
  return value;
}

export function parseList(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw new Malformed(`"${name}" is ${show(value)}, not a list`);
  return value as readonly unknown[];
}

function parseMessage(value: unknown): Message {
  const fields = parseFields(value, 'a message');
  const message = {
    role: parseText(fields, 'role') as Message['role'],
    content: parseText(fields, 'content'),
  };
  return typeof fields['name'] === 'string' ? { ...message, name: fields['name'] } : message;
}

function parseVariable(value: unknown): ServedVariable {
  const fields = parseFields(value, 'a variable');
  const { required, declared, description, options } = fields;
  return {
    name: parseText(fields, 'name'),
    type: parseText(fields, 'type') as Variable['type'],
    required: required === true,
    declared: declared === true,
    ...((fields['default'] ?? null) === null ? {} : { default: fields['default'] as JsonValue }),
    ...(typeof description === 'string' ? { description } : {}),
    ...(Array.isArray(options) ? { options: options as readonly string[] } : {}),
  };
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'absent').slice(0, 60);
}
