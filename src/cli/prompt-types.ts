import { variableMembers } from './variable-types.ts';
import type { VariableMember } from './variable-types.ts';
import type { ServedPrompt } from '../sdk/types.ts';

const FIRST_LINE = '// Written by `promptforge codegen`';
const DEFAULT_LENGTH_MAX = 100;

/** A declaration file: the variables and the kind of each prompt, by slug. Equal prompts make equal texts. */
export function promptTypes(channel: string, served: readonly ServedPrompt[]): string {
  const sorted = served.toSorted((a, b) => (a.slug < b.slug ? -1 : 1));
  const prompts = sorted.map((prompt) => ({ ...prompt, members: variableMembers(prompt) }));
  const blocks = prompts.flatMap(({ slug, members }) => {
    const name = JSON.stringify(slug);
    if (members.length === 0) return [`    ${name}: Record<string, never>;`];
    return [`    ${name}: {`, ...members.flatMap(memberLines), '    };'];
  });
  const usesJson = prompts.some(({ members }) => members.some(({ text }) => /\bJsonValue\b/.test(text)));
  return [
    `${FIRST_LINE} from what channel "${channel}" serves: do not edit it, run that again.`,
    usesJson
      ? "import type { JsonValue } from 'promptforge/client';"
      : "import type {} from 'promptforge/client';",
    '',
    "declare module 'promptforge/client' {",
    '  interface PromptVariables {',
    ...blocks,
    '  }',
    '  interface PromptKinds {',
    ...sorted.map(({ slug, kind }) => `    ${JSON.stringify(slug)}: '${kind}';`),
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Whether a file was written here, and may be written over. */
export function isPromptTypes(text: string): boolean {
  return text.startsWith(FIRST_LINE);
}

/** What of the types is not true any more, one line each; comments make nothing stale. */
export function staleTypes(before: string, after: string): string[] {
  const [old, fresh] = [declarations(before), declarations(after)];
  const slugs = [...new Set([...old.keys(), ...fresh.keys()])].toSorted();
  return slugs.flatMap((slug) => {
    const [was, is] = [old.get(slug), fresh.get(slug)];
    if (was === undefined) return [`${slug}: is served now, and the file does not know it`];
    if (is === undefined) return [`${slug}: is not served any more`];
    return [
      ...was.filter((line) => !is.includes(line)).map((line) => `${slug}: - ${line}`),
      ...is.filter((line) => !was.includes(line)).map((line) => `${slug}: + ${line}`),
    ];
  });
}

/** By slug, its lines in both interfaces without comments. */
function declarations(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of text.split('\n')) {
    const [, quoted, rest = ''] = /^ {4}("(?:[^"\\]|\\.)*"): (.*)$/.exec(line) ?? [];
    if (quoted !== undefined) {
      const slug = JSON.parse(quoted) as string;
      current = found.get(slug) ?? [];
      found.set(slug, current);
      if (rest !== '{') current.push(rest);
    } else if (/^ {6}readonly /.test(line)) current.push(line.trim());
  }
  return found;
}

function memberLines({ text, description, defaultJson }: VariableMember): string[] {
  const shown = defaultJson === null ? [] : [`Default: ${shortened(defaultJson)}`];
  const comment = [...(description === null ? [] : description.split(/\r\n|[\n\r\u2028\u2029]/)), ...shown];
  return [...commentLines(comment), `      readonly ${text};`];
}

function commentLines(lines: readonly string[]): string[] {
  const [only = '', ...more] = lines.map((line) => line.replaceAll('*/', '*\\/').trimEnd());
  if (lines.length === 0) return [];
  if (more.length === 0) return [`      /** ${only} */`];
  return ['      /**', ...[only, ...more].map((line) => `       * ${line}`.trimEnd()), '       */'];
}

function shortened(json: string): string {
  return json.length > DEFAULT_LENGTH_MAX ? `${json.slice(0, DEFAULT_LENGTH_MAX)}...` : json;
}
