import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFeedCursor, encodeFeedCursor } from '../../src/domain/cursor.ts';
import { BadCursor } from '../../src/domain/errors.ts';

const seqs = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 });

function outcome(text: string) {
  try {
    return decodeFeedCursor('after', text);
  } catch (error) {
    return error;
  }
}

describe('a feed cursor', () => {
  it('is what it was the day it was published', () => {
    const cursor = encodeFeedCursor({ seq: 258n, hash: Uint8Array.from({ length: 32 }, (_, i) => i) });
    expect(cursor).toBe('AQAAAAAAAAECAAECAwQFBgc');
  });

  it('comes back as the sequence and the first 8 bytes of the hash', () => {
    fc.assert(
      fc.property(seqs, hashes, (seq, hash) => {
        const decoded = decodeFeedCursor('after', encodeFeedCursor({ seq, hash }));
        expect(decoded.seq).toBe(seq);
        expect(Buffer.from(decoded.hashPrefix)).toEqual(Buffer.from(hash.subarray(0, 8)));
      }),
    );
  });

  it('has one spelling, fit for a URL', () => {
    fc.assert(
      fc.property(seqs, hashes, (seq, hash) => {
        const cursor = encodeFeedCursor({ seq, hash });
        expect(cursor).toMatch(/^[\w-]{23}$/);
        const spellings = [`${cursor}=`, ` ${cursor}`, `${cursor}\n`, cursor.slice(0, -1), `${cursor}A`];
        for (const spelling of spellings) expect(outcome(spelling)).toBeInstanceOf(BadCursor);
      }),
    );
  });

  it('is refused by the name of its argument when it is anything else, other format versions included', () => {
    const other = Buffer.alloc(17);
    other[0] = 2;
    for (const text of ['', 'garbage', '1', '\ud800', other.toString('base64url')]) {
      expect(outcome(text)).toMatchObject({
        code: 'BAD_CURSOR',
        message: expect.stringContaining('after') as string,
      });
    }
  });

  it('is never decoded from random text without an error of its own', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.base64String()), (text) => {
        const decoded = outcome(text);
        expect(decoded instanceof BadCursor || Object.hasOwn(decoded as object, 'hashPrefix')).toBe(true);
      }),
    );
  });
});
