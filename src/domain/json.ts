import { InvalidInput } from './errors.ts';
import type { JsonValue } from './template.ts';
import { textFault } from './text.ts';

const JSON_DEPTH_MAX = 64;

/**
 * Checks a JSON value from outside: strings (keys included) must be storable, no key `__proto__`, numbers finite, nesting at most 64 deep
 * (deeper values overflow the stack of every consumer that walks them).
 * @throws InvalidInput with the path of the fault.
 */
export function requireJson(field: string, value: unknown, depth = 0): asserts value is JsonValue {
  if (depth > JSON_DEPTH_MAX)
    throw new InvalidInput(field, `is nested more than ${JSON_DEPTH_MAX} levels deep`);
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'string') return requireStorable(field, value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new InvalidInput(field, 'is not a finite number');
    return;
  }
  if (Array.isArray(value)) {
    value.forEach((item, index) => requireJson(`${field}[${index}]`, item, depth + 1));
    return;
  }
  if (typeof value !== 'object') throw new InvalidInput(field, 'is not a JSON value');
  for (const [key, item] of Object.entries(value)) {
    requireStorable(`${field} (a key)`, key);
    // Own property here, but half of what walks objects sets the prototype by it instead and drops the member: the database client too.
    if (key === '__proto__')
      throw new InvalidInput(`${field} (a key)`, '"__proto__" is no key that can be kept');
    requireJson(`${field}.${key}`, item, depth + 1);
  }
}

function requireStorable(field: string, text: string): void {
  const fault = textFault(text);
  if (fault !== null) throw new InvalidInput(field, fault);
}
