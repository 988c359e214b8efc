import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInput } from '../../src/domain/errors.ts';
import { optionalText, requireText, textFault } from '../../src/domain/text.ts';

describe('text from outside', () => {
  it('is storable exactly when it is well-formed Unicode without NUL', () => {
    const units = fc.array(fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)));
    const spiced = fc.array(fc.constantFrom('a', '\u0000', '\ud83d', '\ude00', '😀', '\uffff'));
    fc.assert(
      fc.property(fc.oneof(units, spiced), (parts) => {
        const text = parts.join('');
        const storable = Buffer.from(text).toString() === text && !text.includes('\u0000');
        expect(textFault(text) === null).toBe(storable);
      }),
    );
  });

  it('is refused with the place of the first fault', () => {
    expect(textFault('ab\u0000\ud800')).toContain('NUL character at offset 2');
    expect(textFault('😀\ude00')).toContain('lone surrogate (half of a character) at offset 2');
  });

  it('comes back as it is, up to its length', () => {
    const text = ' \r\n\t\uFEFFé e\u0301 ';
    expect(requireText('f', text, text.length)).toBe(text);
    expect(() => requireText('f', text, text.length - 1)).toThrow(InvalidInput);
    expect(() => requireText('f', '\u0000', 9)).toThrow(/^f: /);
  });

  it('may be absent or null where it is optional, and empty is not absent', () => {
    expect([undefined, null, ''].map((text) => optionalText('f', text, 1))).toEqual([null, null, '']);
    expect(() => optionalText('f', 'ab', 1)).toThrow(InvalidInput);
  });
});
