import { describe, expect, it } from 'vitest';
import { createTurns } from '../../src/realtime/turns.ts';

/** Runs that end when the test says so. */
function manualRuns() {
  const running: { key: string; end: () => void }[] = [];
  const begun: string[] = [];
  const run = (key: string) =>
    new Promise<void>((resolve) => {
      begun.push(key);
      running.push({ key, end: resolve });
    });
  const endNext = async () => {
    running.shift()?.end();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { run, begun, endNext };
}

describe('turns', () => {
  it('answer any number of calls during a run with one further run', async () => {
    const { run, begun, endNext } = manualRuns();
    const turns = createTurns(run);
    const settled: string[] = [];
    void turns.take('a').then(() => settled.push('first'));
    for (let call = 0; call < 100; call += 1) void turns.take('a').then(() => settled.push('later'));
    expect(begun).toEqual(['a']);
    await endNext();
    expect([begun, settled]).toEqual([['a', 'a'], ['first']]);
    await endNext();
    expect(begun).toEqual(['a', 'a']);
    expect(settled).toHaveLength(101);
  });

  it('begin anew when nothing runs, and after a call that came during the second run', async () => {
    const { run, begun, endNext } = manualRuns();
    const turns = createTurns(run);
    void turns.take('a');
    void turns.take('a');
    await endNext();
    void turns.take('a');
    await endNext();
    expect(begun).toHaveLength(3);
    await endNext();
    void turns.take('a');
    expect(begun).toHaveLength(4);
  });

  it('of different keys do not wait for each other', () => {
    const { run, begun } = manualRuns();
    const turns = createTurns(run);
    for (const key of ['a', 'b', 'a', 'c']) void turns.take(key);
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('are settled when the last promised run has ended', async () => {
    const { run, begun, endNext } = manualRuns();
    const turns = createTurns(run);
    void turns.take('a');
    void turns.take('a');
    let settled = false;
    void turns.settled().then(() => (settled = true));
    await endNext();
    expect([begun.length, settled]).toEqual([2, false]);
    await endNext();
    expect(settled).toBe(true);
    await createTurns(run).settled();
  });
});
