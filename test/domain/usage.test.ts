import { describe, expect, it } from 'vitest';
import { InvalidInput } from '../../src/domain/errors.ts';
import { requireUsageSteps, usagePeriod, usageSince } from '../../src/domain/usage.ts';

const period = (from: string, to: string) => usagePeriod({ from: new Date(from), to: new Date(to) });
const seconds = (time: string) => Date.parse(time) / 1_000;
const DAY = 24 * 60 * 60;

describe('a period of usage', () => {
  it('holds the whole minutes that it touches', () => {
    expect(period('2026-11-24T10:00:30Z', '2026-11-24T10:05:00.001Z')).toEqual({
      fromSeconds: seconds('2026-11-24T10:00:00Z'),
      toSeconds: seconds('2026-11-24T10:06:00Z'),
    });
    expect(period('2026-11-24T10:00:00Z', '2026-11-24T10:05:00Z')).toEqual({
      fromSeconds: seconds('2026-11-24T10:00:00Z'),
      toSeconds: seconds('2026-11-24T10:05:00Z'),
    });
  });

  it('begins before it ends', () => {
    for (const to of ['2026-11-24T10:00:00Z', '2026-11-24T09:59:59.999Z']) {
      expect(() => period('2026-11-24T10:00:00Z', to)).toThrow(
        new InvalidInput('from', `is not before "to" (${new Date(to).toISOString()}): give an earlier time`),
      );
    }
  });

  it('begins in 1970 at the earliest, whatever is asked for', () => {
    expect(period('0000-01-01T00:00:00Z', '0001-01-01T00:00:00Z')).toEqual({ fromSeconds: 0, toSeconds: 0 });
    expect(usageSince(new Date('-000001-01-01T00:00:00Z'))).toBe(0);
  });
});

describe('the steps of a period', () => {
  const day = period('2026-11-24T00:00:00Z', '2026-11-25T00:00:00Z');

  it('are counted from the beginning of the first to the end of the last', () => {
    const thousand = period('2026-11-24T00:30:00Z', '2026-11-24T17:10:00Z');
    expect(requireUsageSteps(thousand, 'MINUTE')).toBe(60);
    const more = period('2026-11-24T00:30:00Z', '2026-11-24T17:10:01Z');
    expect(() => requireUsageSteps(more, 'MINUTE')).toThrow(/1001 steps .* at most 1000/);
    const hours = { fromSeconds: 30 * 60, toSeconds: 1_000 * 3_600 + 60 };
    expect(() => requireUsageSteps(hours, 'HOUR')).toThrow(/1001 steps/);
    expect(requireUsageSteps(day, 'HOUR')).toBe(3_600);
    expect(requireUsageSteps(day, 'DAY')).toBe(DAY);
  });

  it('are refused when there are too many, with the step that would do', () => {
    expect(() => requireUsageSteps(day, 'MINUTE')).toThrow(
      'step: MINUTE makes 1440 steps of this period, at most 1000 are allowed: ask for step HOUR, or a shorter period',
    );
    const quarter = { fromSeconds: 0, toSeconds: 90 * DAY };
    expect(() => requireUsageSteps(quarter, 'HOUR')).toThrow(/ask for step DAY, or a shorter period$/);
    const decade = { fromSeconds: 0, toSeconds: 3_650 * DAY };
    expect(() => requireUsageSteps(decade, 'DAY')).toThrow(/allowed: ask for a shorter period$/);
  });
});
