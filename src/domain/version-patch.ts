import { structuredPatch } from 'diff';
import type { StructuredPatch } from 'diff';

export interface DiffBudget {
  /** Lines that may be removed and added together. The work grows with its square. */
  readonly editLengthMax: number;
  /** What stops the search in long texts; splitting them into lines comes on top. */
  readonly timeoutMs: number;
}

const CONTEXT_LINES = 3;
/** Lines of both sides between the first and the last change; splitting more of them alone breaks the budget. */
const CHANGED_SPAN_MAX = 20_000;
/** So few are compared to the end in 10 ms: with a deadline, a pause of the machine would call two short texts too different. */
const UNTIMED_SPAN_MAX = 500;

/**
 * The changed lines of two different texts with three lines around them; a line ends with `\n`, a `\r` before it belongs
 * to the line.
 * @returns null when the texts are too different for the budget
 */
export function linePatch(
  names: { readonly before: string; readonly after: string },
  [before, after]: readonly [string, string],
  budget: DiffBudget,
): StructuredPatch | null {
  const start = sharedStart(before, after);
  const [beforeEnd, afterEnd] = sharedEnd(before, after, start);
  const removable = countLines(before, start, beforeEnd, CHANGED_SPAN_MAX + 1);
  const addable = countLines(after, start, afterEnd, CHANGED_SPAN_MAX + 1);
  const span = removable + addable;
  if (span > CHANGED_SPAN_MAX) return null;
  if (Math.abs(removable - addable) > budget.editLengthMax) return null;
  const timeout = span > UNTIMED_SPAN_MAX ? budget.timeoutMs : Infinity;
  const patch = structuredPatch(
    names.before,
    names.after,
    before.slice(start, beforeEnd),
    after.slice(start, afterEnd),
    '',
    '',
    { context: CONTEXT_LINES, maxEditLength: budget.editLengthMax, timeout },
  );
  if (patch === undefined) return null;
  const skipped = countLines(before, 0, start);
  const hunks = patch.hunks.map((hunk) => {
    return { ...hunk, oldStart: hunk.oldStart + skipped, newStart: hunk.newStart + skipped };
  });
  return { ...patch, hunks };
}

/** Where the lines begin that have to be compared: after the equal ones, less those shown as context. */
function sharedStart(before: string, after: string): number {
  const max = Math.min(before.length, after.length);
  let equal = 0;
  while (equal < max && before.charCodeAt(equal) === after.charCodeAt(equal)) equal += 1;
  let start = lineStart(before, equal);
  for (let line = 0; line < CONTEXT_LINES; line += 1) start = lineStart(before, start - 1);
  return start;
}

/** Where those lines end in each text: before the equal ones, with those shown as context. */
function sharedEnd(before: string, after: string, start: number): [number, number] {
  const max = Math.min(before.length, after.length) - start;
  let equal = 0;
  while (
    equal < max &&
    before.charCodeAt(before.length - 1 - equal) === after.charCodeAt(after.length - 1 - equal)
  )
    equal += 1;
  let end = before.length - equal;
  for (let line = 0; line <= CONTEXT_LINES; line += 1) end = lineEnd(before, end);
  return [end, after.length - (before.length - end)];
}

function lineStart(text: string, offset: number): number {
  return offset <= 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

function lineEnd(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset);
  return newline === -1 ? text.length : newline + 1;
}

function countLines(text: string, start: number, end: number, max = Infinity): number {
  let lines = 0;
  for (let offset = start; offset < end && lines < max; offset = lineEnd(text, offset)) lines += 1;
  return lines;
}
