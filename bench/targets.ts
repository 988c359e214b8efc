import { writeSection } from './page.ts';
import { resultsOf } from './results.ts';
import type { Results, Target } from './results.ts';

/** Parts of the benchmark that hold targets, by the name of their file in bench/results/. */
const PARTS = ['read', 'push', 'write', 'scale', 'start'];
const LAST = 18;

/** The table at the top of docs/benchmarks.md: what each part found when it ran last. */
export async function writeTargets(): Promise<void> {
  const parts = await Promise.all(PARTS.map((part) => resultsOf(part)));
  const known = parts.filter((part): part is Results => part !== null);
  const rows = known
    .flatMap(({ targets, command }) => targets.map((target) => ({ target, command })))
    .toSorted((a, b) => numberOf(a.target) - numberOf(b.target));
  const measured = new Set(rows.map(({ target }) => numberOf(target)));
  const missing = Array.from({ length: LAST }, (_, index) => index + 1).filter((one) => !measured.has(one));
  const machines = [...new Set(known.map(({ machine, date }) => `${machine} (${date})`))];
  await writeSection(
    'Targets',
    `| target | what | wanted | measured | | command |
|---|---|---|---|---|---|
${rows.map(({ target, command }) => row(target, command)).join('\n')}

What each command found when it ran last, with authentication, rate limits, usage counters, metrics, security headers and request ids on. A figure
without a unit is a ratio against a reference that ran in turns with PromptForge in the same minute.
${missing.length === 0 ? '' : `Not measured here: ${missing.map((one) => `T${one}`).join(', ')}.\n`}
${machines.map((one) => `- Machine: ${one}.`).join('\n')}`,
  );
}

export function isMet({ comparison, bound, measured }: Target): boolean {
  return comparison === '<=' ? measured <= bound : measured >= bound;
}

function numberOf({ target }: Pick<Target, 'target'>): number {
  return Number(target.slice(1));
}

function row(target: Target, command: string): string {
  const { target: name, what, comparison, bound, measured, unit } = target;
  const of = unit === undefined ? '' : ` ${unit}`;
  const cells = [
    name,
    what,
    `${comparison} ${bound.toLocaleString('en-US')}${of}`,
    `${figure(measured)}${of}`,
    isMet(target) ? 'met' : '**missed**',
    `\`${command}\``,
  ];
  return `| ${cells.join(' | ')} |`;
}

function figure(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
