import { describe, expect, it } from 'vitest';
import { createUsage } from '../../src/delivery/usage.ts';
import type { Use } from '../../src/delivery/usage.ts';

const USE: Use = {
  workspaceId: 'w',
  promptId: 'p',
  version: 3,
  channel: 'stable',
  actorId: 'k',
  actorKind: 'API_KEY',
  actorName: 'web',
};
const MINUTE_MS = 60_000;

describe('usage in memory', () => {
  it('is one count for each minute, workspace, prompt, version, channel and actor', () => {
    let now = 7 * MINUTE_MS;
    const usage = createUsage({ entriesMax: 100, now: () => now });
    usage.fetched(USE);
    usage.fetched(USE);
    usage.pushed(USE, 40);
    const others: Use[] = [
      { ...USE, workspaceId: 'w2' },
      { ...USE, promptId: 'p2' },
      { ...USE, version: 4 },
      { ...USE, channel: 'latest' },
      { ...USE, channel: null },
      { ...USE, actorId: 'k2' },
    ];
    for (const use of others) usage.pushed(use);
    now += MINUTE_MS - 1;
    usage.fetched(USE);
    now += 1;
    usage.fetched(USE);
    expect(usage.size()).toBe(8);
    const drained = usage.drain();
    expect(drained).toHaveLength(8);
    expect(drained).toEqual(
      expect.arrayContaining([
        { ...USE, minute: 7, fetched: 3, pushed: 40 },
        { ...USE, minute: 8, fetched: 1, pushed: 0 },
        ...others.map((use) => ({ ...use, minute: 7, fetched: 0, pushed: 1 })),
      ]),
    );
    expect(usage.drain()).toEqual([]);
    expect(usage.size()).toBe(0);
  });

  it('adds what is put back to what was counted meanwhile', () => {
    let now = 0;
    const usage = createUsage({ entriesMax: 100, now: () => now });
    usage.fetched(USE);
    const drained = usage.drain();
    usage.fetched(USE);
    now = MINUTE_MS;
    usage.fetched(USE);
    usage.restore(drained);
    expect(usage.drain()).toEqual([
      { ...USE, minute: 0, fetched: 2, pushed: 0 },
      { ...USE, minute: 1, fetched: 1, pushed: 0 },
    ]);
  });

  it('has a bound: entries that find no room are told of, those that are there go on counting', () => {
    const usage = createUsage({ entriesMax: 1, now: () => 0 });
    usage.fetched(USE);
    usage.pushed({ ...USE, version: 4 }, 5);
    usage.fetched({ ...USE, version: 4 });
    usage.fetched(USE);
    expect(usage.takeDropped()).toBe(6);
    expect(usage.takeDropped()).toBe(0);
    expect(usage.drain()).toEqual([{ ...USE, minute: 0, fetched: 2, pushed: 0 }]);
    usage.pushed({ ...USE, version: 4 });
    expect(usage.size()).toBe(1);
  });

  it('keeps nothing of what the caller holds besides', () => {
    const usage = createUsage({ entriesMax: 1 });
    usage.fetched(Object.assign({ body: Buffer.alloc(10) }, USE));
    expect(usage.drain()[0]).not.toHaveProperty('body');
  });
});
