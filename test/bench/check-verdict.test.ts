import { describe, expect, it } from 'vitest';
import { faultsOf, isUnder, recordingOf } from '../../bench/check-verdict.ts';

describe('what bench:check says', () => {
  it('is nothing for what is recorded, better, or at most 35 % under it', () => {
    expect(faultsOf({ a: 0.8, b: 0.9, c: 0.53 }, { a: 0.8, b: 0.8, c: 0.8 })).toEqual([]);
  });

  it('is what is further under it, and what is no figure at all', () => {
    expect(faultsOf({ a: 0.51, b: 0.8 }, { a: 0.8, b: 0.8 })).toEqual([expect.stringMatching(/^a: 0\.51/)]);
    expect([isUnder(0.51, 0.8), isUnder(Number.NaN, 0.8), isUnder(0.1, undefined)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is every name that only one of both has', () => {
    expect(faultsOf({ a: 0.8, 'a new one': 0.8 }, { a: 0.8, 'an old one': 0.8 })).toEqual([
      expect.stringMatching(/^an old one: recorded, but nothing/),
      expect.stringMatching(/^a new one: nothing is recorded/),
    ]);
  });
});

describe('what bench:check records', () => {
  const seen = { rose: 0.9, fell: 0.7, new: 0.5 };
  const recorded = { rose: 0.8, fell: 0.8, gone: 0.8 };

  it('is what rose and what is new; what fell or is gone is told, and stays', () => {
    const { data, lowered } = recordingOf(seen, recorded, false);
    expect(data).toEqual({ rose: 0.9, fell: 0.8, new: 0.5, gone: 0.8 });
    expect(lowered).toEqual(['fell: recorded 0.80, seen 0.70', 'gone: recorded 0.80, seen never']);
  });

  it('is what was seen, where that may be lower', () => {
    const { data, lowered } = recordingOf(seen, recorded, true);
    expect(data).toEqual(seen);
    expect(lowered).toHaveLength(2);
  });
});
