import { InvalidInput } from './errors.ts';

// With the u flag a surrogate pair is one character, so \p{Surrogate} finds lone halves only.
// oxlint-disable-next-line no-control-regex -- NUL is what is looked for
const UNSTORABLE = /\u0000|\p{Surrogate}/u;

/** What PostgreSQL or UTF-8 cannot hold in this text, with its place, or null. Offsets count UTF-16 units, as JavaScript does. */
export function textFault(text: string): string | null {
  const match = UNSTORABLE.exec(text);
  if (match === null) return null;
  const what = match[0] === '\u0000' ? 'a NUL character' : 'a lone surrogate (half of a character)';
  return `holds ${what} at offset ${match.index}, which cannot be stored`;
}

/** @throws InvalidInput when the text cannot be stored or is longer than `max` characters. */
export function requireText(field: string, text: string, max: number): string {
  const fault = textFault(text);
  if (fault !== null) throw new InvalidInput(field, fault);
  if (text.length > max)
    throw new InvalidInput(field, `has ${text.length} characters, at most ${max} are allowed`);
  return text;
}

/** As requireText, for a field that may be absent or null; both become null. */
export function optionalText(field: string, text: string | null | undefined, max: number): string | null {
  return text === null || text === undefined ? null : requireText(field, text, max);
}
