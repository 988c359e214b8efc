import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { VariableType } from '../domain/template.ts';
import { usage } from './graph.ts';

/** What of a variable decides how a value is read. */
interface FilledVariable {
  readonly name: string;
  readonly type: VariableType;
  readonly options: readonly string[] | null;
}

interface Misfits {
  readonly missing: readonly string[];
  readonly unknown: readonly string[];
  readonly invalid: readonly string[];
}

/** What --var says. @throws CliError of usage */
export function parsePair(pair: string): readonly [string, string] {
  const at = pair.indexOf('=');
  if (at < 1) throw usage(`--var ${JSON.stringify(pair)} has no value: write --var name=value`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** What --vars names. @throws CliError of usage */
export async function readValues(path: string | undefined): Promise<object> {
  if (path === undefined) return {};
  const name = path === '-' ? 'standard input' : path;
  const json = await (path === '-' ? text(process.stdin) : readFile(path, 'utf8')).catch(
    (error: NodeJS.ErrnoException) => {
      throw usage(`${name} cannot be read (${error.code ?? error.message})`);
    },
  );
  const values = parseJson(json);
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw usage(`${name} holds no JSON object: write {"name": "value"}`);
  }
  return values;
}

/** What the letters mean for a variable of its type; where they mean nothing, the server says so. */
export function typed(variables: readonly FilledVariable[], name: string, value: string): unknown {
  const type = variables.find((variable) => variable.name === name)?.type;
  if (type === 'JSON') return parseJson(value) ?? value;
  if (type !== 'NUMBER' && type !== 'BOOLEAN') return value;
  const meant = parseJson(value);
  return typeof meant === type.toLowerCase() ? meant : value;
}

/** Everything that is wrong with the values, a line each. */
export function misfitText(
  { missing, unknown, invalid }: Misfits,
  variables: readonly FilledVariable[],
): string {
  const wanted = (path: string): string => {
    const variable = variables.find(({ name }) => name === path.split('.')[0]);
    if (variable === undefined) return '';
    return variable.options === null ? ` (${variable.type})` : ` (one of ${variable.options.join(', ')})`;
  };
  const lines = [
    ...missing.map((name) => `  missing: ${name}${wanted(name)}`),
    ...unknown.map((name) => `  unknown: ${name}`),
    ...invalid.map((name) => `  does not fit: ${name}${wanted(name)}`),
  ];
  return lines.join('\n');
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
