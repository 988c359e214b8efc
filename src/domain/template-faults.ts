import { isValueOfType, NAME_LENGTH_MAX, VARIABLES_MAX } from './template.ts';
import type { Variable } from './template.ts';

const NAME = new RegExp(`^[A-Za-z_][A-Za-z0-9_]{0,${NAME_LENGTH_MAX - 1}}$`);

export interface VariableFault {
  readonly index: number;
  readonly field: string;
  readonly message: string;
}

/** What is wrong with a list of declarations; empty when it may be saved. Only the first 500 are looked at. */
export function variableFaults(declared: readonly Variable[]): VariableFault[] {
  const faults: VariableFault[] = [];
  const seen = new Set<string>();
  for (const [index, variable] of declared.slice(0, VARIABLES_MAX).entries()) {
    const name = seen.has(variable.name) ? 'is declared before' : nameProblem(variable.name);
    seen.add(variable.name);
    const problems = { name, options: optionsProblem(variable), default: defaultProblem(variable) };
    for (const [field, problem] of Object.entries(problems)) {
      if (problem !== null) faults.push({ index, field, message: `${field} ${problem}` });
    }
  }
  if (declared.length <= VARIABLES_MAX) return faults;
  const message = `name is one too many: a version has at most ${VARIABLES_MAX} variables`;
  return [...faults, { index: VARIABLES_MAX, field: 'name', message }];
}

function nameProblem(name: string): string | null {
  if (NAME.test(name)) return null;
  return `must be ASCII letters, digits and "_", not start with a digit, and have at most ${NAME_LENGTH_MAX} characters`;
}

function optionsProblem({ type, options }: Variable): string | null {
  if (type !== 'ENUM') return options === undefined ? null : 'are for an ENUM only';
  if (options === undefined || options.length === 0) return 'of an ENUM must name at least one value';
  return new Set(options).size === options.length ? null : 'must not repeat a value';
}

function defaultProblem(variable: Variable): string | null {
  const value = variable.default ?? null;
  if (value === null || isValueOfType(value, variable)) return null;
  return variable.type === 'ENUM' ? 'must be one of the options' : `must be a ${variable.type}`;
}
