import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReadings, isRight } from '../../src/delivery/readings.ts';
import type { Reading } from '../../src/delivery/readings.ts';

const WORKSPACE = 'w';
const SLUGS = ['a', 'b', 'c'];

/** What may happen next, in any order and at any moment. */
const step = fc.oneof(
  fc.record({ type: fc.constant('commit' as const), slug: fc.constantFrom(...SLUGS) }),
  fc.record({ type: fc.constant('tell' as const), commits: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('begin' as const), slugs: fc.subarray(SLUGS, { minLength: 1 }) }),
  fc.record({ type: fc.constant('end' as const), lag: fc.nat(6) }),
  fc.record({ type: fc.constant('reset' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface UnderWay {
  readonly reading: Reading;
  readonly slugs: readonly string[];
  readonly history: number;
}

/** A log, a feed that tells it late, and reads of states that may be older than what was told. */
function world() {
  const touched: string[] = [];
  let [told, history] = [0, 0];
  const readings = createReadings(() => undefined);
  const underWay: UnderWay[] = [];

  function end(lag: number): void {
    const one = underWay.shift();
    if (one === undefined) return;
    const readAt = Math.max(0, touched.length - lag);
    const untold = touched.slice(readAt, told).filter((slug) => one.slugs.includes(slug));
    const right = isRight(one.reading, BigInt(readAt));
    // Never right with something told that it has not seen, or with a state of another history.
    if (right) expect([untold, one.history]).toEqual([[], history]);
    // And right whenever it has seen everything that was told.
    if (readAt >= told && one.history === history) expect(right).toBe(true);
    readings.end(WORKSPACE, one.reading);
  }

  return (next: Step): void => {
    if (next.type === 'commit') touched.push(next.slug);
    else if (next.type === 'begin') {
      const reading = readings.begin(WORKSPACE, new Set(next.slugs));
      underWay.push({ reading, slugs: next.slugs, history });
    } else if (next.type === 'end') end(next.lag);
    else if (next.type === 'reset') {
      history += 1;
      told = touched.length;
      readings.reset(WORKSPACE, BigInt(told));
    } else {
      const until = Math.min(touched.length, told + next.commits);
      const slugs = new Map(
        touched.slice(told, until).map((slug, index) => [slug, BigInt(told + index + 1)]),
      );
      readings.tell(WORKSPACE, slugs, BigInt(until));
      told = until;
    }
  };
}

describe('a read of the database beside the feed', () => {
  it('is right exactly if it has seen what was told, in every order of commits, tellings and lagging reads', () => {
    const orders = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const happens = world();
      for (const next of steps) happens(next);
    });
    expect(() => fc.assert(orders, { numRuns: 2_000 })).not.toThrow();
  });
});
