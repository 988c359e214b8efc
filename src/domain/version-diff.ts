import { FILE_HEADERS_ONLY, formatPatch } from 'diff';
import type { StructuredPatch } from 'diff';
import { effectiveVariables } from './template.ts';
import type { JsonValue } from './template.ts';
import { linePatch } from './version-patch.ts';
import type { DiffBudget } from './version-patch.ts';
import { isSameJson, jsonText, sourceText } from './version-text.ts';
import type { Content } from './version.ts';

export interface VersionDiff {
  /** More changes than anybody reads, or than the budget pays for: `unified` is empty and nothing is counted. */
  readonly tooDifferent: boolean;
  /** Unified patch of the text, then of config and declared variables where they differ; '' when nothing does. */
  readonly unified: string;
  /** Lines of all sections. */
  readonly added: number;
  readonly removed: number;
  /** Names of effective variables. */
  readonly variablesAdded: string[];
  readonly variablesRemoved: string[];
  readonly configChanged: boolean;
}

type NumberedContent = Content & { readonly number: number };
interface Section {
  readonly names: { readonly before: string; readonly after: string };
  /** null: too much to lay out. */
  readonly from: string | null;
  readonly to: string | null;
}

/** A whole call stays within 50 ms, also for two unrelated texts of the largest size. */
const BUDGET: DiffBudget = { editLengthMax: 800, timeoutMs: 20 };

/**
 * How `after` differs from `before`, two versions of one prompt.
 * @throws TypeError when their kinds differ, which a prompt's versions never do.
 */
export function diffVersions(
  before: NumberedContent,
  after: NumberedContent,
  budget: DiffBudget = BUDGET,
): VersionDiff {
  if (before.kind !== after.kind) {
    throw new TypeError(`versions of one prompt have one kind, these are ${before.kind} and ${after.kind}`);
  }
  const names = { before: variableNames(before), after: variableNames(after) };
  const patches = sectionPatches(sections(before, after), budget);
  const lines = patches?.flatMap(({ hunks }) => hunks.flatMap((hunk) => hunk.lines)) ?? [];
  return {
    tooDifferent: patches === null,
    unified: (patches ?? []).map((patch) => formatPatch(patch, FILE_HEADERS_ONLY)).join(''),
    added: lines.filter((line) => line.startsWith('+')).length,
    removed: lines.filter((line) => line.startsWith('-')).length,
    variablesAdded: [...names.after].filter((name) => !names.before.has(name)),
    variablesRemoved: [...names.before].filter((name) => !names.after.has(name)),
    configChanged: !isSameJson(before.config, after.config),
  };
}

/** The patches of the sections that differ; null as soon as one of them is beyond what the ones before it left. */
function sectionPatches(all: Iterable<Section>, budget: DiffBudget): StructuredPatch[] | null {
  const patches: StructuredPatch[] = [];
  let editLengthMax = budget.editLengthMax;
  for (const { names, from, to } of all) {
    if (from === null || to === null) return null;
    if (from === to) continue;
    const patch = linePatch(names, [from, to], { ...budget, editLengthMax });
    if (patch === null) return null;
    editLengthMax -= editLength(patch);
    patches.push(patch);
  }
  return patches;
}

/** Only what differs is laid out, and nothing once it is too much: a config may be a megabyte. */
function* sections(before: NumberedContent, after: NumberedContent): Generator<Section> {
  const names = (section: string): Section['names'] => {
    return { before: `version ${before.number}${section}`, after: `version ${after.number}${section}` };
  };
  yield { names: names(''), from: sourceText(before), to: sourceText(after) };
  const parts: readonly [string, JsonValue, JsonValue][] = [
    [' config', before.config, after.config],
    [' variables', declared(before), declared(after)],
  ];
  for (const [section, from, to] of parts) {
    if (!isSameJson(from, to)) yield { names: names(section), from: jsonText(from), to: jsonText(to) };
  }
}

function editLength(patch: StructuredPatch): number {
  return patch.hunks.reduce((sum, { lines }) => sum + lines.filter((line) => /^[+-]/.test(line)).length, 0);
}

function declared(content: Content): JsonValue {
  return content.variables.length === 0 ? null : content.variables.map((variable) => ({ ...variable }));
}

function variableNames(content: Content): ReadonlySet<string> {
  return new Set(effectiveVariables(content, content.variables).map(({ name }) => name));
}
