import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInput } from '../../src/domain/errors.ts';
import {
  ChannelMoved,
  EMPTY_POSITION,
  NothingToRollBack,
  requireExpected,
  requireReason,
  rollbackTarget,
  stackAfterPromotion,
  stackAfterRollback,
  stackAfterWithdrawal,
} from '../../src/domain/promotion.ts';
import type { ChannelPosition, StackEntry } from '../../src/domain/promotion.ts';

type Step = { readonly kind: 'P'; readonly version: number } | { readonly kind: 'R' | 'W' };

/** The records as the database holds them: what each row says, and where the channel stands after the last one. */
class Records {
  private readonly rows = new Map<string, StackEntry & { readonly id: string; readonly version: number }>();
  position: ChannelPosition = EMPTY_POSITION;

  /** @returns what is served then; 'refused' when nothing moved. */
  take(step: Step): number | null | 'refused' {
    if (step.kind === 'P') {
      const id = `promotion ${this.rows.size}`;
      const stack = stackAfterPromotion(id, this.position);
      this.rows.set(id, { id, version: step.version, ...stack });
      return this.stand(step.version, stack);
    }
    if (step.kind === 'W') {
      return this.position.serving === null
        ? 'refused'
        : this.stand(null, stackAfterWithdrawal(this.position));
    }
    try {
      const target = this.rows.get(rollbackTarget('a/b', 'stable', this.position));
      if (target === undefined) throw new Error('the target is no PROMOTION row');
      return this.stand(target.version, stackAfterRollback(target));
    } catch (error) {
      if (error instanceof NothingToRollBack) return 'refused';
      throw error;
    }
  }

  private stand(version: number | null, stack: StackEntry): number | null {
    this.position = { serving: version === null ? null : { id: `v${version}`, number: version }, ...stack };
    return version;
  }
}

/** The same told naively: a stack of versions and a flag. */
class Stack {
  private readonly versions: number[] = [];
  private withdrawn = false;

  take(step: Step): number | null | 'refused' {
    if (step.kind === 'P') {
      this.versions.push(step.version);
    } else if (step.kind === 'W') {
      if (this.versions.length === 0 || this.withdrawn) return 'refused';
      this.withdrawn = true;
      return null;
    } else if (!this.withdrawn) {
      if (this.versions.length < 2) return 'refused';
      this.versions.pop();
    }
    this.withdrawn = false;
    return this.versions.at(-1) ?? 'refused';
  }
}

function steps(walk: string): Step[] {
  return walk
    .split(' ')
    .map((step) =>
      step.startsWith('P') ? { kind: 'P', version: Number(step.slice(1)) } : { kind: step as 'R' | 'W' },
    );
}

describe('the rollback stack', () => {
  it.each([
    ['P1 P2 P3 R R', [1, 2, 3, 2, 1]],
    ['P1 P2 R P3 R', [1, 2, 1, 3, 1]],
    ['P1 P2 P1 R R R', [1, 2, 1, 2, 1, 'refused']],
    ['R', ['refused']],
    ['P1 W R R', [1, null, 1, 'refused']],
    ['P1 P2 W R R R', [1, 2, null, 2, 1, 'refused']],
    ['P1 W P2 R', [1, null, 2, 1]],
  ])('%s serves %j', (walk, served) => {
    const records = new Records();
    expect(steps(walk).map((step) => records.take(step))).toEqual(served);
  });

  it('walks like a plain stack of versions, whatever the order of promotions, rollbacks and withdrawals', () => {
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({ kind: fc.constant('P' as const), version: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constantFrom('R' as const, 'R' as const, 'W' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (walk) => {
        const records = new Records();
        const stack = new Stack();
        expect(walk.map((each) => records.take(each))).toEqual(walk.map((each) => stack.take(each)));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what a caller expects a channel to serve', () => {
  const at = (number: number): ChannelPosition => ({
    ...EMPTY_POSITION,
    serving: { id: `v${number}`, number },
  });

  it('guards when it is given; 0 means nothing', () => {
    requireExpected('a/b', 3, at(3));
    requireExpected('a/b', 0, EMPTY_POSITION);
    for (const absent of [null, undefined]) requireExpected('a/b', absent, at(3));
    for (const [expected, position] of [
      [2, at(3)],
      [0, at(3)],
      [3, EMPTY_POSITION],
      [-1, EMPTY_POSITION],
    ] as const) {
      expect(() => requireExpected('a/b', expected, position)).toThrow(ChannelMoved);
    }
  });
});

describe('a reason', () => {
  it('has at most 2,000 characters; absent is null', () => {
    expect(requireReason('x'.repeat(2000))).toHaveLength(2000);
    expect(() => requireReason('x'.repeat(2001))).toThrow(InvalidInput);
    expect([requireReason(null), requireReason(undefined), requireReason('')]).toEqual([null, null, '']);
  });
});
