import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** The share of the queue over which they are spread: the last of them has to end with the rest. */
const SPREAD = 0.8;

/**
 * The fault rows mostly wait, and each takes a minute: at the end of the queue they would keep one worker busy and leave the others idle, all at once
 * they would wait for each other. One after the other runs beside everything else.
 */
export class Sequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- no array: vitest's own order, the largest files first
    const sorted = await super.sort(files);
    const rows = sorted.filter(isFaultRow);
    const order = sorted.filter((file) => !isFaultRow(file));
    const step = Math.floor((order.length * SPREAD) / Math.max(rows.length, 1));
    rows.forEach((row, index) => order.splice(index * (step + 1), 0, row));
    return order;
  }
}

function isFaultRow({ moduleId }: TestSpecification): boolean {
  return moduleId.includes('/test/faults/');
}
