import { beforeEach, describe, expect, it } from 'vitest';
import { createFreshness } from '../../src/realtime/freshness.ts';
import type { Freshness } from '../../src/realtime/freshness.ts';

const LOOK_AGE_MAX_MS = 8_000;

let now: number;
let freshness: Freshness;

beforeEach(() => {
  now = 1_000_000;
  freshness = createFreshness({ lookAgeMaxMs: () => LOOK_AGE_MAX_MS, nowMs: () => now });
});

const lags = () => [freshness.lagMs('a'), freshness.lagMs('b')];

describe('what a node knows of its lag', () => {
  it('is 0 for as long as a look that found everything applied is fresh, and its age afterwards', () => {
    freshness.looked(now, []);
    now += LOOK_AGE_MAX_MS;
    expect(lags()).toEqual([0, 0]);
    now += 1;
    expect([...lags(), freshness.worstLagMs()]).toEqual([8_001, 8_001, 8_001]);
    freshness.looked(now, []);
    expect([...lags(), freshness.worstLagMs()]).toEqual([0, 0, 0]);
  });

  it('goes back to the last look that found a workspace up to date, for that workspace alone', () => {
    freshness.looked(now, []);
    now += 5_000;
    freshness.looked(now, ['a']);
    expect(lags()).toEqual([5_000, 0]);
    now += 5_000;
    freshness.looked(now, ['a']);
    expect([...lags(), freshness.worstLagMs()]).toEqual([10_000, 0, 10_000]);
    expect(freshness.knownMs()).toBe(now - 10_000);
    freshness.looked(now, ['b']);
    expect(lags()).toEqual([0, 0]);
    now += 1;
    expect(lags()).toEqual([0, 1]);
  });

  it('is 0 again when the workspace has caught up, and goes back to that moment the next time', () => {
    freshness.looked(now, []);
    now += 5_000;
    freshness.looked(now, ['a']);
    now += 100;
    freshness.caughtUp('a', now - 50);
    expect(lags()).toEqual([0, 0]);
    now += 900;
    freshness.looked(now, ['a']);
    expect(lags()).toEqual([950, 0]);
  });

  it('is of the one that is furthest behind for the node as a whole', () => {
    freshness.looked(now, []);
    now += 1_000;
    freshness.looked(now, ['a']);
    freshness.caughtUp('b', now);
    now += 1_000;
    freshness.looked(now, ['a', 'b']);
    expect(freshness.knownMs()).toBe(now - 2_000);
    freshness.caughtUp('a', now);
    expect(freshness.knownMs()).toBe(now - 1_000);
    freshness.caughtUp('b', now);
    expect(freshness.knownMs()).toBe(now);
  });
});
