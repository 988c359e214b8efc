import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInput } from '../../src/domain/errors.ts';
import { requireJson } from '../../src/domain/json.ts';

function fault(value: unknown): string | null {
  try {
    requireJson('config', value);
    return null;
  } catch (error) {
    if (error instanceof InvalidInput) return error.field;
    throw error;
  }
}

function nested(levels: number, array: boolean): unknown {
  return Array.from({ length: levels }).reduce((inner) => (array ? [inner] : { a: inner }), 'leaf');
}

describe('JSON from outside', () => {
  it('is anything that JSON can say in storable text', () => {
    const units = fc.oneof(
      fc.constantFrom('a', '\u0000', '\ud800', '😀'),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    );
    const storable = fc.jsonValue({ stringUnit: units });
    fc.assert(
      fc.property(storable, (value) => {
        const text = JSON.stringify(value);
        const spoiled = /\\u0000|\\ud[89a-f]|"__proto__":/.test(text);
        expect(fault(value) === null || spoiled).toBe(true);
      }),
    );
    expect(fault({ a: [1, 1e308, -0, true, null, '', { '': [] }], constructor: { toString: 1 } })).toBeNull();
  });

  it('is refused at the place of what cannot be stored', () => {
    expect(fault('\u0000')).toBe('config');
    expect(fault({ a: [{ b: '\ud800' }] })).toBe('config.a[0].b');
    expect(fault({ a: { '\udc00': 1 } })).toBe('config.a (a key)');
    expect(fault(JSON.parse('{"a": [{"__proto__": 1}]}'))).toBe('config.a[0] (a key)');
    expect(fault({ a: '😀' })).toBeNull();
  });

  it('is refused where it is no JSON', () => {
    for (const value of [Number.NaN, Infinity, -Infinity, 1n, undefined, () => 1, Symbol('s')])
      expect(fault({ a: [value] })).toBe('config.a[0]');
  });

  it('is nested at most 64 deep, and refused, not overflowed, at any depth', () => {
    for (const array of [true, false]) {
      expect(fault(nested(64, array))).toBeNull();
      expect(fault(nested(65, array))).toMatch(/^config[.[]/);
      expect(fault(nested(100_000, array))).toMatch(/^config[.[]/);
    }
  });
});
