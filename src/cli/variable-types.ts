import { renderTemplate } from '../domain/template.ts';
import type { TemplateSource, Variable } from '../domain/template.ts';
import type { ServedPrompt } from '../sdk/types.ts';

const UNDECLARED = 'string | number | boolean';
/** Written-out objects beyond are read by nobody. */
const DEPTH_MAX = 8;

/** A variable as TypeScript has it. */
export interface VariableMember {
  readonly name: string;
  /** `name: type` or `name?: type`, in one line. */
  readonly text: string;
  readonly description: string | null;
  readonly defaultJson: string | null;
}

/** What `render` takes for a prompt, by name: as a strict rendering takes it. */
export function variableMembers(served: ServedPrompt): VariableMember[] {
  const paths = pathsOf(served);
  return served.variables
    .map((variable): VariableMember => {
      const { name, description = null } = variable;
      const fallback = variable.default ?? null;
      const isRequired = variable.required && fallback === null;
      const type = variable.declared ? declaredType(variable) : pathType(paths, [name]);
      return {
        name,
        // Null is the same as absent, and a declared default stands in for both.
        text: isRequired ? `${name}: ${type}` : `${name}?: ${type} | null | undefined`,
        description,
        defaultJson: fallback === null ? null : JSON.stringify(fallback),
      };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const TYPES = { STRING: 'string', NUMBER: 'number', BOOLEAN: 'boolean', JSON: 'JsonValue' } as const;

function declaredType({ type, options = [] }: Variable): string {
  if (type === 'ENUM') return options.map((option) => JSON.stringify(option)).join(' | ');
  return TYPES[type];
}

/** Where the text goes in undeclared variables, as `user.name`: a strict rendering of empty objects misses exactly that. */
function pathsOf({ kind, template, messages, variables }: ServedPrompt): ReadonlySet<string> {
  const source: TemplateSource =
    kind === 'TEXT' ? { kind, template: template ?? '' } : { kind, messages: messages ?? [] };
  const objects = Object.fromEntries(variables.map(({ name }) => [name, {}]));
  const outcome = renderTemplate(source, [], objects);
  return new Set(outcome.ok ? [] : [...outcome.missing, ...outcome.invalid]);
}

function pathType(paths: ReadonlySet<string>, at: readonly string[]): string {
  const path = at.join('.');
  const below = [...paths].flatMap((other) =>
    other.startsWith(`${path}.`) ? [other.slice(path.length + 1)] : [],
  );
  const steps = [...new Set(below.map((rest) => rest.split('.', 1)[0] ?? ''))].toSorted();
  if (steps.length === 0) return UNDECLARED;
  // Used as a whole and in parts, or by an index that a list or an object may have: only the rendering can tell.
  if (paths.has(path) || at.length === DEPTH_MAX || steps.some((step) => /^\d/.test(step)))
    return 'JsonValue';
  return `{ ${steps.map((step) => `readonly ${step}: ${pathType(paths, [...at, step])}`).join('; ')} }`;
}
