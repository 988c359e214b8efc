import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conflictMarker, merge3 } from '../../src/cli/merge3.ts';

const TITLES = { base: 'base', ours: 'ours', theirs: 'theirs' };
const text = fc
  .array(fc.constantFrom('a\n', 'b\n', 'c\n', 'd\n', '\n', 'e'), { maxLength: 12 })
  .map((parts) => parts.join(''));

describe('merge3', () => {
  it('takes the side that changed, and what both changed alike', () => {
    fc.assert(
      fc.property(text, text, (base, side) => {
        const clean = { text: side, conflicts: 0 };
        expect(merge3(base, side, base, TITLES)).toEqual(clean);
        expect(merge3(base, base, side, TITLES)).toEqual(clean);
        expect(merge3(base, side, side, TITLES)).toEqual(clean);
      }),
    );
  });

  it('loses no line of either side', () => {
    fc.assert(
      fc.property(text, text, text, (base, ours, theirs) => {
        const merged = merge3(base, ours, theirs, TITLES);
        expect(conflictMarker(merged.text) !== null).toBe(merged.conflicts > 0);
        const added = (side: string) => side.split('\n').filter((line) => !base.split('\n').includes(line));
        for (const line of [...added(ours), ...added(theirs)])
          expect(merged.text.split('\n')).toContain(line);
      }),
    );
  });

  it('puts together what does not touch, and all three where it does', () => {
    const base = '1\n2\n3\n4\n5\n';
    expect(merge3(base, '0\n1\n2\n3\n4\n5\n', '1\n2\n3\n5', TITLES)).toEqual({
      text: '0\n1\n2\n3\n5',
      conflicts: 0,
    });
    expect(merge3(base, '1\n2\nx\n4\n5\n', '1\n2\n4\n5\n', TITLES)).toEqual({
      text: '1\n2\n<<<<<<< ours\nx\n||||||| base\n3\n=======\n>>>>>>> theirs\n4\n5\n',
      conflicts: 1,
    });
  });

  it('takes a text that speaks of markers for no merge', () => {
    expect(conflictMarker('Explain "<<<<<<< HEAD" and\n>>>>>>> main\n=======\n')).toBeNull();
    expect(conflictMarker('x\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n')).toBe(2);
  });
});
