import type { OptionFacts } from './command-tree.ts';

/** Stands for the names of files. */
export const FILES = '@files';

/** What completes a value or an argument: words, names of files, or nothing. `what`: its name, such as `<file>`. */
export function candidates(what: string, choices: readonly string[]): string {
  if (choices.length > 0) return choices.join(' ');
  return /file|folder|dir|path/i.test(what) ? FILES : '';
}

/** The names of options as they are typed. */
export function namesOf(options: readonly OptionFacts[]): string[] {
  return [...new Set(options.flatMap(({ names }) => names))];
}

/** As one word of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
