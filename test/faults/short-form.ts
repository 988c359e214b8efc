import { expect, it } from 'vitest';
import { ROWS } from './all-rows.ts';

interface ShortForm {
  readonly row: number;
  readonly faults: number;
  /** Why it cannot be played here; null: it can. */
  readonly missing?: string | null;
  /** What a figure may be at most. */
  readonly most?: Readonly<Record<string, number>>;
}

/** The row with a fixed seed and few faults; the long form is `npm run faults -- --row R`. */
export function shortForm(title: string, { row, faults, missing = null, most = {} }: ShortForm): void {
  it(`row ${row}: ${title}`, { timeout: 240_000 }, async (context) => {
    context.skip(missing !== null, missing ?? '');
    const play = ROWS[row];
    if (play === undefined) throw new Error(`no row ${row}`);
    const { findings, figures = {} } = await play({ seed: 1, faults, lenient: true });
    expect(findings).toEqual([]);
    for (const [name, limit] of Object.entries(most)) expect(figures[name], name).toBeLessThanOrEqual(limit);
  });
}
