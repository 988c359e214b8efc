import { describe, expect, it } from 'vitest';
import { ROWS } from './all-rows.ts';

/** Minutes on a machine that has much else to do: what is asserted is what happened, not how fast. */
const LONG = { timeout: 300_000 };

async function play(row: number, faults: number, seed = 1) {
  const run = ROWS[row];
  if (run === undefined) throw new Error(`no row ${row}`);
  return run({ seed, faults });
}

describe('an acknowledged promotion', () => {
  it('outlives the server, killed with its embedded database under load', LONG, async () => {
    const { acknowledged, findings: found } = await play(1, 2);
    expect(found).toEqual([]);
    expect(acknowledged).toBeGreaterThan(10);
  });

  it('outlives PostgreSQL, killed with all its processes, and so does the server', LONG, async () => {
    const { acknowledged, findings: found } = await play(3, 2);
    expect(found).toEqual([]);
    expect(acknowledged).toBeGreaterThan(20);
  });

  it('happens once when the answer to its COMMIT is lost, and it is repeated', LONG, async () => {
    const { findings: found, faults } = await play(4, 16);
    expect([found, faults]).toEqual([[], 16]);
  });

  it(
    'happens once when the answer to its COMMIT is later than its time, and it is repeated',
    LONG,
    async () => {
      const { findings: found, faults } = await play(37, 6);
      expect([found, faults]).toEqual([[], 6]);
    },
  );
});
