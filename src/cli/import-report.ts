import type { LineFault } from './import-survey.ts';

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
  /** Prompts with a refused line, and all of their good lines. */
  readonly promptsLeftOut: readonly string[];
  readonly versionsLeftOut: number;
  /** The first thousand; `linesRefused` counts them all. */
  readonly faults: readonly LineFault[];
}

export function faultText({ line, slug, reason }: LineFault): string {
  return `line ${line}${slug === null ? '' : ` (${slug})`}: ${reason}`;
}

export function summaryText(summary: ImportSummary): string {
  const { promptsLeftOut, versionsLeftOut } = summary;
  const lines = [
    summary.dryRun
      ? `${summary.prompts} prompts would be imported`
      : `${summary.prompts} prompts imported: ${summary.versionsCreated} versions created, ${summary.versionsSkipped} skipped (already there)`,
    `${summary.linesRefused} lines refused`,
  ];
  if (promptsLeftOut.length > 0) {
    const shown = promptsLeftOut.slice(0, 10).join(', ') + (promptsLeftOut.length > 10 ? ', ...' : '');
    lines.push(
      `${promptsLeftOut.length} prompts left out with ${versionsLeftOut} good versions, because a line of theirs was refused: ${shown}`,
    );
  }
  if (!summary.complete) lines.push('not finished: run the command again, what is there is skipped');
  return lines.join('\n');
}
