import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Windows } from '../../src/server/windows.ts';

const LENGTH_MS = 10_000;

function windows(max: number) {
  let nowMs = 5;
  const counted = new Windows({ max, lengthMs: LENGTH_MS }, () => nowMs);
  return { counted, pass: (ms: number) => (nowMs += ms) };
}

describe('windows', () => {
  it('let so many of a name pass, and say how long it takes until the next may', () => {
    const { counted, pass } = windows(3);
    expect([1, 2, 3].map(() => counted.count('a'))).toEqual([0, 0, 0]);
    expect(counted.ask('a')).toBe(LENGTH_MS);
    pass(4_000);
    expect(counted.count('a')).toBe(6_000);
    expect([counted.count('b'), counted.ask('b')]).toEqual([0, 0]);
    pass(5_999);
    expect(counted.count('a')).toBe(1);
    pass(1);
    expect(counted.ask('a')).toBe(0);
    expect([1, 2, 3, 4].map(() => counted.count('a'))).toEqual([0, 0, 0, LENGTH_MS]);
  });

  it('count nothing when they are only asked', () => {
    const { counted } = windows(1);
    for (let asked = 0; asked < 5; asked += 1) expect(counted.ask('a')).toBe(0);
    expect(counted.count('a')).toBe(0);
  });

  it('let no more pass in a window than they may, and keep none that has ended beside a new one', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat({ max: LENGTH_MS / 2 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (asked, max) => {
        const { counted, pass } = windows(max);
        const open = new Map<string, { endsMs: number; passed: number }>();
        let nowMs = 0;
        for (const [name, ms] of asked) {
          pass(ms);
          nowMs += ms;
          for (const [other, { endsMs }] of open) if (endsMs <= nowMs) open.delete(other);
          const isNew = !open.has(name);
          const window = open.get(name) ?? { endsMs: nowMs + LENGTH_MS, passed: 0 };
          open.set(name, window);
          window.passed += 1;
          expect(counted.count(name)).toBe(window.passed <= max ? 0 : window.endsMs - nowMs);
          // Those that have ended go when the next one begins.
          expect(isNew ? counted.size() : open.size).toBe(open.size);
        }
      }),
    );
  });
});
