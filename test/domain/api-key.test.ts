import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { API_KEY_PATTERN, formatApiKey, hashApiKey } from '../../src/domain/api-key.ts';

const ID = '019a0000-0000-7000-8000-0123456789ab';
const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('an API key', () => {
  it('is written as its last id part, its secret and a checksum', () => {
    const key = formatApiKey(ID, new Uint8Array(32).fill(0xab));
    const head = `pf_live_0123456789ab_${'ab'.repeat(32)}`;
    expect(key).toBe(`${head}${createHash('sha256').update(head).digest('hex').slice(0, 8)}`);
  });

  it('matches its pattern, holds its whole secret and hashes to 32 bytes of its own', () => {
    fc.assert(
      fc.property(secrets, secrets, (one, other) => {
        const key = formatApiKey(ID, one);
        expect(key).toMatch(API_KEY_PATTERN);
        expect(key).toContain(Buffer.from(one).toString('hex'));
        expect(hashApiKey(key)).toEqual(createHash('sha256').update(key).digest());
        expect(formatApiKey(ID, other) === key).toBe(Buffer.from(one).equals(Buffer.from(other)));
      }),
    );
  });
});
