import type { JsonValue } from './template.ts';
import { chatText } from './version-chat.ts';
import type { Content } from './version.ts';

/** Characters of JSON that are written out line by line; beyond, laying them out costs more than anybody reads. */
const JSON_LENGTH_MAX = 64 * 1024;

/** What a version says, as lines. TEXT: the template, byte for byte. CHAT: chatText. Two different contents never have the same text. */
export function sourceText(content: Content): string {
  if (content.kind === 'TEXT') return content.template;
  return chatText(content.messages);
}

/** JSON with two spaces of indentation, keys in RFC 8785 order; '' for null; null when there is too much of it. */
export function jsonText(value: JsonValue): string | null {
  if (value === null) return '';
  if (JSON.stringify(value).length > JSON_LENGTH_MAX) return null;
  return `${indented(value, '\n')}\n`;
}

/** Whether two JSON values have the same canonical form; the forms themselves take 100 ms and more for a large value. */
export function isSameJson(a: JsonValue, b: JsonValue): boolean {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  if (isList(a) || isList(b)) {
    return (
      isList(a) &&
      isList(b) &&
      a.length === b.length &&
      a.every((item, index) => isSameJson(item, b[index] ?? null))
    );
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSameJson(a[key] ?? null, b[key] ?? null))
  );
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** By hand: JSON.stringify puts keys that look like numbers first, whatever order an object was built in. */
function indented(value: JsonValue, margin: string): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = `${margin}  `;
  if (isList(value)) {
    if (value.length === 0) return '[]';
    return `[${value.map((item) => inner + indented(item, inner)).join(',')}${margin}]`;
  }
  const keys = Object.keys(value).toSorted();
  if (keys.length === 0) return '{}';
  const members = keys.map((key) => `${inner}${JSON.stringify(key)}: ${indented(value[key] ?? null, inner)}`);
  return `{${members.join(',')}${margin}}`;
}
