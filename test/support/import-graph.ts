import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';

/** Source texts by their path inside `src`, with `/` on every platform: `domain/prompt.ts`. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly from: string;
  readonly specifier: string;
  /** Path inside `src`, or null for a package or a Node builtin. */
  readonly to: string | null;
  /** Only types cross this edge: `import type`, `export type ... from`, or nothing but `type` specifiers. */
  readonly typesOnly: boolean;
}

const COMMENT_OR_TEXT =
  /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[^]|[^`\\])*`|\/\*[^]*?\*\/|\/\/[^\n]*/g;
const STATEMENT =
  /^(?:import\s+(?:(type)\s+)?(?:([\w$\s{},*]+?)\s+from\s+)?|export\s+(?:(type)\s+)?(\{[^}]*\}|\*(?:\s+as\s+[\w$]+)?)\s+from\s+)['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\s*\(\s*['"]([^'"]+)['"]/g;

/** All TypeScript files below `src` except generated ones, which nobody writes by hand. */
export function readSources(src: string): Sources {
  const sources = new Map<string, string>();
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.[cm]?tsx?$/.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(src.length + 1).replaceAll(sep, '/');
    if (!path.includes('/generated/')) sources.set(path, readFileSync(file, 'utf8'));
  }
  return sources;
}

/** The text without comments; strings stay, so that `'https://...'` is none. */
export function withoutComments(text: string): string {
  return text.replaceAll(COMMENT_OR_TEXT, (match) => (match.startsWith('/') ? ' ' : match));
}

/** Without template literals as well: scripts for the browser stand in them, with statements of their own. */
export function statementsOf(text: string): string {
  return text.replaceAll(COMMENT_OR_TEXT, (match) => ({ '/': ' ', '`': '``' })[match.charAt(0)] ?? match);
}

/** Static and dynamic imports and re-exports of one file. */
export function importsOf(from: string, text: string): Import[] {
  const code = statementsOf(text);
  const imports: Import[] = [];
  for (const [, importType, names, exportType, exported, specifier = ''] of code.matchAll(STATEMENT)) {
    const typesOnly = Boolean(importType ?? exportType) || onlyTypes(names ?? exported);
    imports.push({ from, specifier, to: resolveInside(from, specifier), typesOnly });
  }
  for (const [, specifier = ''] of code.matchAll(DYNAMIC)) {
    imports.push({ from, specifier, to: resolveInside(from, specifier), typesOnly: false });
  }
  return imports;
}

function onlyTypes(names = ''): boolean {
  const [, list] = /^\s*\{([^}]*)\}\s*$/.exec(names) ?? [];
  if (list === undefined) return false;
  const specifiers = list.split(',').filter((specifier) => specifier.trim() !== '');
  return specifiers.length > 0 && specifiers.every((specifier) => /^\s*type\s/.test(specifier));
}

function resolveInside(from: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : null;
}

/** One closed path (`a.ts -> b.ts -> a.ts`) for every edge that closes a cycle; types count, they tangle as well. */
export function cyclesOf(imports: readonly Import[]): string[] {
  const targets = new Map<string, Set<string>>();
  for (const { from, to } of imports) {
    if (to !== null) targets.set(from, (targets.get(from) ?? new Set()).add(to));
  }
  const cycles: string[] = [];
  const finished = new Set<string>();
  function visit(file: string, path: readonly string[]): void {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (path.includes(file) || finished.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    finished.add(file);
  }
  for (const file of targets.keys()) visit(file, []);
  return cycles;
}
