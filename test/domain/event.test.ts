import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashedText } from '../../src/domain/event.ts';
import type { HashedFields } from '../../src/domain/event.ts';

const EVENT: HashedFields = {
  hashVersion: 1,
  workspaceId: '019a0000-0000-7000-8000-000000000001',
  seq: 12n,
  commitSeq: 10n,
  type: 'PromptCreated',
  actorKind: 'USER',
  actorId: 'ada',
  actorName: 'Ada Ö',
  atMicros: 1_700_000_000_000_001n,
  promptId: null,
  promotionId: null,
  payload: '{"slug":"a"}',
  sourceAddress: '::1',
  userAgent: 'curl/8',
  requestId: null,
};

/** The other direction, to show that the text says everything. */
function parse(text: string): (string | null)[] {
  const bytes = Buffer.from(text);
  const fields: (string | null)[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] === 0x2d) {
      fields.push(null);
      at += 2;
      continue;
    }
    const colon = bytes.indexOf(':', at);
    const end = colon + 1 + Number(bytes.subarray(at, colon));
    fields.push(bytes.subarray(colon + 1, end).toString());
    expect(bytes[end]).toBe(0x2c);
    at = end + 1;
  }
  return fields;
}

const texts = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '-', '1:a,', ',', '0:'));
const events: fc.Arbitrary<HashedFields> = fc.record({
  hashVersion: fc.constantFrom(1, 2),
  workspaceId: fc.uuid(),
  seq: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  commitSeq: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  type: fc.constantFrom('PromptCreated', 'VersionPromoted', 'VersionWithdrawn'),
  actorKind: fc.constantFrom('USER', 'SYSTEM'),
  actorId: texts,
  actorName: texts,
  atMicros: fc.bigInt({ min: 0n, max: 2n ** 53n }),
  promptId: fc.option(fc.uuid()),
  promotionId: fc.option(fc.uuid()),
  payload: texts,
  sourceAddress: fc.option(texts),
  userAgent: fc.option(texts),
  requestId: fc.option(fc.uuid()),
});

describe('the text that an event hash covers', () => {
  it('is what it was the day it was published: lengths count bytes', () => {
    const text = hashedText(EVENT);
    expect(text).toBe(
      '1:1,36:019a0000-0000-7000-8000-000000000001,2:12,2:10,13:PromptCreated,4:USER,3:ada,6:Ada Ö,16:1700000000000001,-,-,12:{"slug":"a"},',
    );
    const hash = createHash('sha256').update(text).digest('hex');
    expect(hash).toBe('d1d4a6b0e9b170ecd2e7f49dd0b0ec65489ea0165f638d7266cd9152b3739da3');
  });

  it('covers where the request came from since version 2', () => {
    const text = hashedText(EVENT).replace('1:1,', '1:2,');
    expect(hashedText({ ...EVENT, hashVersion: 2 })).toBe(`${text}3:::1,6:curl/8,-,`);
  });

  it('says every field exactly, so that two different events never share it', () => {
    fc.assert(
      fc.property(events, (event) => {
        const fields = parse(hashedText(event));
        const { hashVersion, seq, commitSeq, atMicros, ...rest } = event;
        expect(fields).toEqual([
          String(hashVersion),
          rest.workspaceId,
          String(seq),
          String(commitSeq),
          rest.type,
          rest.actorKind,
          rest.actorId,
          rest.actorName,
          String(atMicros),
          rest.promptId,
          rest.promotionId,
          rest.payload,
          ...(hashVersion === 1 ? [] : [rest.sourceAddress, rest.userAgent, rest.requestId]),
        ]);
      }),
    );
  });
});
