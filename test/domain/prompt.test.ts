import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInput, NotFound } from '../../src/domain/errors.ts';
import {
  folderRange,
  isSlug,
  requireDescription,
  requireFindableSlug,
  requireOwner,
  requireSlug,
  requireTags,
} from '../../src/domain/prompt.ts';

const SLUG_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789._-'.split('');
const segments = fc
  .string({ unit: fc.constantFrom(...SLUG_CHARACTERS), minLength: 1, maxLength: 12 })
  .filter((segment) => segment !== '.' && segment !== '..');
const slugs = fc.array(segments, { minLength: 1, maxLength: 8 }).map((parts) => parts.join('/'));

/** The rule once more, as the database checks it. */
function reference(slug: string): boolean {
  const bytes = Buffer.byteLength(slug);
  return (
    bytes >= 1 &&
    bytes <= 200 &&
    /^[a-z0-9._-]+(\/[a-z0-9._-]+)*$/.test(slug) &&
    !/(^|\/)[.]{1,2}(\/|$)/.test(slug)
  );
}

function field(attempt: () => unknown): string | null {
  try {
    attempt();
    return null;
  } catch (error) {
    return error instanceof InvalidInput ? error.field : String(error);
  }
}

describe('a slug', () => {
  it('is made of segments', () => {
    fc.assert(
      fc.property(slugs, (slug) => {
        expect(isSlug(slug)).toBe(true);
      }),
    );
  });

  it('is the same here and in the database, for any text near a slug', () => {
    const pieces = fc.constantFrom(
      'a',
      'z9',
      '.',
      '..',
      '...',
      '/',
      '//',
      '-',
      '_',
      'A',
      ' ',
      '\n',
      'é',
      '%2f',
      '\u0000',
      'a'.repeat(99),
    );
    const near = fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(near, slugs, fc.string()), (slug) => {
        expect(isSlug(slug)).toBe(reference(slug));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '',
    '.',
    '..',
    'a/.',
    'a/../b',
    './a',
    '/a',
    'a/',
    'a//b',
    'A',
    'a b',
    'a\n',
    'ä',
    'a\\b',
    'a%2fb',
    '\ud800',
  ])('is not %j', (slug) => {
    expect(isSlug(slug)).toBe(false);
    expect(field(() => requireSlug('newSlug', slug))).toBe('newSlug');
    expect(() => requireFindableSlug(slug)).toThrow(NotFound);
  });

  it.each(['a', '...', '.a', 'a..b', '-', '_', '0/0', 'a.b-c_d/e'])('may be %j', (slug) => {
    expect(requireSlug('slug', slug)).toBe(slug);
    expect(requireFindableSlug(slug)).toBe(slug);
  });

  it('has at most 200 characters', () => {
    expect(isSlug('a'.repeat(200))).toBe(true);
    expect(isSlug('a'.repeat(201))).toBe(false);
    expect(isSlug(`${'a'.repeat(99)}/${'a'.repeat(100)}`)).toBe(true);
  });

  it('is quoted in its refusal without what breaks a line or the encoding, and cut', () => {
    const messages = ['a\n\u0000\ud800', 'é\u0000', 'x'.repeat(5000)].map((slug) => {
      try {
        return requireSlug('slug', slug);
      } catch (error) {
        return String(error);
      }
    });
    for (const message of messages) {
      expect(Buffer.from(message).toString()).toBe(message);
      expect(message).not.toContain('\n');
      expect(message).not.toContain('\u0000');
      expect(message.length).toBeLessThan(300);
    }
  });
});

describe('the folder of a slug', () => {
  it('is a range of the byte order that holds what stands below it and nothing else', () => {
    fc.assert(
      fc.property(segments, slugs, fc.constantFrom('', '/', '/*'), (folder, slug, ending) => {
        const { gte, lt } = folderRange(`${folder}${ending}`);
        for (const candidate of [slug, `${folder}/${slug}`, `${folder}${slug}`, folder]) {
          expect(candidate >= gte && candidate < lt).toBe(candidate.startsWith(`${folder}/`));
        }
      }),
    );
  });
});

describe('metadata', () => {
  it('takes 50 tags of 64 characters, each once, in their order', () => {
    const tags = Array.from({ length: 50 }, (_, index) => `${'t'.repeat(62)}${index + 10}`);
    expect(requireTags(tags)).toEqual(tags);
    expect(requireTags([])).toEqual([]);
    expect(requireTags(['b', 'a', 'A', 'é', 'e\u0301'])).toEqual(['b', 'a', 'A', 'é', 'e\u0301']);
    expect(field(() => requireTags([...tags, 'x']))).toBe('tags');
    expect(field(() => requireTags(['t'.repeat(65)]))).toBe('tags[0]');
    expect(field(() => requireTags(['a', 'b', 'a']))).toBe('tags[2]');
    for (const empty of ['', ' ', '\t\n']) expect(field(() => requireTags(['a', empty]))).toBe('tags[1]');
  });

  it('takes a description of 2,000 characters and an owner of 200', () => {
    expect(field(() => requireDescription('x'.repeat(2000)))).toBeNull();
    expect(field(() => requireDescription('x'.repeat(2001)))).toBe('description');
    expect(field(() => requireOwner('x'.repeat(200)))).toBeNull();
    expect(field(() => requireOwner('x'.repeat(201)))).toBe('owner');
    expect([requireDescription(undefined), requireOwner(null), requireOwner('')]).toEqual([null, null, '']);
  });
});
