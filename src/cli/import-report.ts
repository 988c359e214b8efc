import type { LineFault } from './import-survey.ts';

interface PartlyImported {
  readonly slug: string;
  readonly versionsIn: number;
  readonly versionsOut: number;
}

export interface ImportSummary {
  readonly dryRun: boolean;
  /** False: the command ended early, and what follows is what was done until then. */
  readonly complete: boolean;
  /** Prompts all of whose versions are in (or, for a dry run, would be sent). */
  readonly prompts: number;
  readonly versionsCreated: number;
  /** Versions that were there before, and lines that repeat another. */
  readonly versionsSkipped: number;
  readonly linesRefused: number;
  /** Prompts with a refused line, and all of their good lines; nothing of them is in. */
  readonly promptsLeftOut: readonly string[];
  readonly versionsLeftOut: number;
  /** Prompts that took several calls, of which a later one did not go through. */
  readonly promptsPartlyImported: readonly PartlyImported[];
  /** The first thousand; `linesRefused` counts them all. */
  readonly faults: readonly LineFault[];
}

export function faultText({ line, slug, reason }: LineFault): string {
  return `line ${line}${slug === null ? '' : ` (${slug})`}: ${reason}`;
}

export function summaryText(summary: ImportSummary): string {
  const { promptsLeftOut, versionsLeftOut, promptsPartlyImported } = summary;
  const lines = [
    summary.dryRun
      ? `${counted(summary.prompts, 'prompt')} would be imported`
      : `${counted(summary.prompts, 'prompt')} imported: ${counted(summary.versionsCreated, 'version')} created, ${summary.versionsSkipped} skipped (already there)`,
    `${counted(summary.linesRefused, 'line')} refused`,
  ];
  if (promptsLeftOut.length > 0) {
    lines.push(
      `${counted(promptsLeftOut.length, 'prompt')} left out with ${counted(versionsLeftOut, 'good version')}, because a line was refused: ${listed(promptsLeftOut)}`,
    );
  }
  if (promptsPartlyImported.length > 0) {
    const shown = promptsPartlyImported.map(
      ({ slug, versionsIn, versionsOut }) =>
        `${slug} (${versionsIn} of ${versionsIn + versionsOut} versions)`,
    );
    lines.push(
      `${counted(shown.length, 'prompt')} partly imported, because a later call did not go through: ${listed(shown)}`,
    );
  }
  if (!summary.complete) lines.push('not finished: run the command again, what is there is skipped');
  return lines.join('\n');
}

function listed(names: readonly string[]): string {
  return names.slice(0, 10).join(', ') + (names.length > 10 ? ', ...' : '');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
