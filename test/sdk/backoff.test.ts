import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/sdk/backoff.ts';
import { createPromptForge } from '../../src/sdk/client.ts';
import { virtualTime } from './virtual-time.ts';

const delays = (random: number, count: number) => {
  const backoff = new Backoff(() => random);
  return Array.from({ length: count }, () => backoff.next());
};

describe('the backoff', () => {
  it('waits up to a second, then 1, 2, 4 ... 30 s, half of each at random', () => {
    expect(delays(1, 8)).toEqual([1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(delays(0, 8)).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  });

  it('begins anew after a connection that stayed for a minute, not after a shorter one', () => {
    const backoff = new Backoff(() => 1);
    for (let failures = 0; failures < 5; failures += 1) backoff.next();
    backoff.ended(59_999);
    expect(backoff.next()).toBe(16_000);
    backoff.ended(60_000);
    expect(backoff.next()).toBe(1_000);
  });

  it('waits as long as the server asks, a little more at random, and an hour at most', () => {
    const backoff = new Backoff(() => 0.5);
    expect(backoff.nextAfter(20_000)).toBe(20_500);
    expect(backoff.nextAfter(10 * 60 * 60_000)).toBe(60 * 60_000 + 500);
    for (let failures = 0; failures < 6; failures += 1) backoff.next();
    expect(backoff.nextAfter(1)).toBe(22_500);
  });

  it('waits 5 min, growing to an hour, when the credential is refused, until it is accepted', () => {
    const backoff = new Backoff(() => 1);
    const minutes = () => backoff.nextAfterRefusal() / 60_000;
    expect(Array.from({ length: 6 }, minutes)).toEqual([5, 10, 20, 40, 60, 60]);
    backoff.accepted();
    expect(minutes()).toBe(5);
    expect(new Backoff(() => 0).nextAfterRefusal()).toBe(2.5 * 60_000);
  });
});

describe('a thousand clients', () => {
  const CLIENTS = 1_000;

  /** When they tried, in ms since they all began at once. */
  async function triesOf(answer: () => Promise<Response>, ms: number): Promise<number[][]> {
    const time = virtualTime();
    const began = time.now();
    const tries = Array.from({ length: CLIENTS }, (): number[] => []);
    const clients = tries.map((own) =>
      createPromptForge(
        {
          url: 'http://gone',
          apiKey: 'k',
          transports: ['sse'],
          fetch: async () => {
            own.push(time.now() - began);
            return answer();
          },
        },
        { clock: time },
      ),
    );
    await time.pass(ms);
    await Promise.all(clients.map((client) => client.close()));
    expect(time.pending()).toBe(0);
    return tries;
  }

  it('spread out when their server is gone, and none of them waits longer than 30 s', async () => {
    const tries = await triesOf(() => Promise.reject(new TypeError('fetch failed')), 180_000);
    const waits = tries.flatMap((own) => own.slice(1).map((at, index) => at - (own[index] ?? 0)));
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_001);
    // The first tries follow within seconds, by the constants: of the first second all are in it. From the sixth wait on they are spread.
    // The wait before the second try is half a second at least: docs/decisions/0033.
    expect(peakPerSecond(tries.flat().filter((at) => at > 0))).toBeLessThanOrEqual(CLIENTS * 2);
    expect(peakPerSecond(tries.flat().filter((at) => at > 30_000))).toBeLessThanOrEqual(CLIENTS / 10);
  });

  it('wait at least two and a half minutes each when their key is refused', async () => {
    const tries = await triesOf(async () => new Response(null, { status: 401 }), 30 * 60_000);
    const waits = tries.flatMap((own) => own.slice(1).map((at, index) => at - (own[index] ?? 0)));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(150_000);
    expect(peakPerSecond(tries.flat().filter((at) => at > 0))).toBeLessThanOrEqual(CLIENTS / 10);
  });
});

/** The most of them within any second. */
function peakPerSecond(moments: readonly number[]): number {
  const sorted = moments.toSorted((a, b) => a - b);
  let first = 0;
  let peak = 0;
  for (const [index, at] of sorted.entries()) {
    while (at - (sorted[first] ?? at) >= 1_000) first += 1;
    peak = Math.max(peak, index - first + 1);
  }
  return peak;
}
