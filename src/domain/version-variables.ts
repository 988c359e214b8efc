import { effectiveVariables } from './template.ts';
import type { Variable } from './template.ts';
import type { Content } from './version.ts';

/** `declared` lets a client recompute contentHash, which covers the declared variables only. */
export type ShownVariable = Variable & { readonly declared: boolean };

/** By the content, which never changes: whoever asks for them from memory asks again and again. */
const shown = new WeakMap<Content, readonly ShownVariable[]>();

/** The variables as every answer shows them: those in the text, then those that are only declared. */
export function shownVariables(content: Content): readonly ShownVariable[] {
  const known = shown.get(content);
  if (known !== undefined) return known;
  const names = new Set(content.variables.map(({ name }) => name));
  const all = effectiveVariables(content, content.variables).map((variable) => ({
    ...variable,
    declared: names.has(variable.name),
  }));
  shown.set(content, all);
  return all;
}
