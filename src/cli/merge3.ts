import { diffArrays } from 'diff';

export interface Merge {
  readonly text: string;
  readonly conflicts: number;
}

export interface MergeTitles {
  readonly base: string;
  readonly ours: string;
  readonly theirs: string;
}

/** Lines [start, end) of the base that one side replaced. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly lines: readonly string[];
}

/**
 * Both sides' changes to a text, line by line; where they touch and are not the same, all three between markers as `diff3 -m` writes
 * them. A line ends with LF.
 */
export function merge3(base: string, ours: string, theirs: string, titles: MergeTitles): Merge {
  const lines = linesOf(base);
  const sides = [changesOf(lines, linesOf(ours)), changesOf(lines, linesOf(theirs))] as const;
  const merged: string[] = [];
  let conflicts = 0;
  let at = 0;
  for (const { start, end } of regions([...sides[0], ...sides[1]])) {
    merged.push(...lines.slice(at, start));
    const [mine, yours] = sides.map((changes) => sideOf(changes, lines, { start, end })) as [
      string[],
      string[],
    ];
    const before = lines.slice(start, end);
    const chosen = chosenOf(before, mine, yours);
    if (chosen === null) conflicts += 1;
    merged.push(...(chosen ?? marked(titles, before, mine, yours)));
    at = end;
  }
  merged.push(...lines.slice(at));
  return { text: merged.join(''), conflicts };
}

/** The line of the first of the three markers, if all three are there; from a merge of ours or of git. */
export function conflictMarker(text: string): number | null {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.startsWith('<<<<<<< '));
  const middle = lines.findIndex((line, index) => index > first && /^={7}\r?$/.test(line));
  const last = lines.findIndex((line, index) => index > middle && line.startsWith('>>>>>>> '));
  return first === -1 || middle === -1 || last === -1 ? null : first + 1;
}

function chosenOf(before: readonly string[], mine: string[], yours: string[]): string[] | null {
  if (isSame(mine, yours) || isSame(yours, before)) return mine;
  return isSame(mine, before) ? yours : null;
}

function marked(
  { base, ours, theirs }: MergeTitles,
  before: readonly string[],
  mine: readonly string[],
  yours: readonly string[],
): string[] {
  return [
    `<<<<<<< ${ours}\n`,
    ...closed(mine),
    `||||||| ${base}\n`,
    ...closed(before),
    '=======\n',
    ...closed(yours),
    `>>>>>>> ${theirs}\n`,
  ];
}

/** A marker begins a line, also after a text that does not end one. */
function closed(lines: readonly string[]): string[] {
  return lines.map((line) => (line.endsWith('\n') ? line : `${line}\n`));
}

/** Changes that overlap or touch are one region. */
function regions(changes: readonly Change[]): { readonly start: number; readonly end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (const { start, end } of changes.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    const last = found.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else found.push({ start, end });
  }
  return found;
}

/** What one side says in a region: its changes, and the base between them. */
function sideOf(
  changes: readonly Change[],
  base: readonly string[],
  region: { readonly start: number; readonly end: number },
): string[] {
  const lines: string[] = [];
  let at = region.start;
  for (const change of changes) {
    if (change.start < region.start || change.end > region.end) continue;
    lines.push(...base.slice(at, change.start), ...change.lines);
    at = change.end;
  }
  return [...lines, ...base.slice(at, region.end)];
}

function changesOf(base: string[], side: string[]): Change[] {
  const changes: Change[] = [];
  let at = 0;
  for (const { added, removed, value } of diffArrays(base, side)) {
    if (!added && !removed) {
      at += value.length;
      continue;
    }
    const last = changes.at(-1);
    const touches = last?.end === at;
    const end = at + (removed ? value.length : 0);
    const lines = added ? value : [];
    if (touches) changes.splice(-1, 1, { start: last.start, end, lines: [...last.lines, ...lines] });
    else changes.push({ start: at, end, lines });
    at = end;
  }
  return changes;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}
