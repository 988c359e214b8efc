import { describe, expect, it } from 'vitest';
import { LastSaid } from '../../src/server/last-said.ts';

const PARTS = ['', 'a', 'b', '\0'];
/** Of which some, joined without care, would look like a part before. */
const WHATS = ['', 'a', '\n', '\n\n', '\na', 'a\n', '\0\na'];

describe('what was said last', () => {
  it('never makes one key of two that differ in any part', () => {
    const said = new LastSaid();
    const all = PARTS.flatMap((access) =>
      PARTS.flatMap((accept) =>
        PARTS.flatMap((type) => WHATS.map((what) => [access, accept, type, what] as const)),
      ),
    );
    const keys = all.map((parts) => said.key(...parts));
    expect(new Set(keys).size).toBe(all.length);
    // Again, each twice, in another order.
    for (const parts of all.toReversed())
      expect([said.key(...parts), said.key(...parts)]).toEqual([
        new LastSaid().key(...parts),
        new LastSaid().key(...parts),
      ]);
  });

  it('answers long texts as it does short ones', () => {
    const said = new LastSaid();
    const long = 'x'.repeat(2_000);
    const short = said.key('a', '', '', 'u');
    expect(said.key('a', '', '', long)).toBe(`a\n\n\n${long}`);
    expect([said.authorization(long), said.authorization('Bearer k')]).toEqual([long, 'Bearer k']);
    expect(said.key('a', '', '', 'u')).toBe(short);
  });
});
