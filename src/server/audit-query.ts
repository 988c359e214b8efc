import { InvalidInput } from '../domain/errors.ts';
import { requireText } from '../domain/text.ts';
import { badRequest, ProblemError } from './problem.ts';
import { urlParts } from './url-parts.ts';

const TEXT_LENGTH_MAX = 200;
const TYPES_MAX = 50;
const NAMES = ['since', 'until', 'types', 'prompt', 'actor', 'after'] as const;
type Name = (typeof NAMES)[number];
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

export interface AuditQuery {
  readonly types: readonly string[] | null;
  /** A slug. */
  readonly prompt: string | null;
  readonly actor: string | null;
  readonly since: Date | null;
  readonly until: Date | null;
  /** The sequence of the last event that the client has. */
  readonly after: bigint;
}

/** What an export asks for. @throws ProblemError naming the parameter that is wrong. */
export function parseAuditQuery(url: string): AuditQuery {
  const params = new URLSearchParams(urlParts(url).search);
  for (const name of params.keys()) {
    if (!NAMES.some((known) => known === name))
      throw wrong(name.slice(0, 60), `is unknown: ${NAMES.join(', ')} are known`);
  }
  const types = one(params, 'types');
  return {
    types: types === null ? null : parseTypes(types),
    prompt: text(params, 'prompt'),
    actor: text(params, 'actor'),
    since: instant(params, 'since'),
    until: instant(params, 'until'),
    after: sequence(one(params, 'after')),
  };
}

function one(params: URLSearchParams, name: Name): string | null {
  const values = params.getAll(name);
  if (values.length > 1) throw wrong(name, 'stands more than once');
  return values[0] ?? null;
}

function text(params: URLSearchParams, name: Name): string | null {
  const value = one(params, name);
  return value === null ? null : requireParameter(name, value);
}

function parseTypes(list: string): readonly string[] {
  const types = list.split(',');
  if (types.length > TYPES_MAX) throw wrong('types', `has more than ${TYPES_MAX} types`);
  return types.map((type) => requireParameter('types', type));
}

function requireParameter(name: Name, value: string): string {
  if (value === '') throw wrong(name, 'is empty');
  try {
    return requireText(name, value, TEXT_LENGTH_MAX);
  } catch (error) {
    if (error instanceof InvalidInput) throw new ProblemError(badRequest(error.message, { field: name }));
    throw error;
  }
}

function instant(params: URLSearchParams, name: Name): Date | null {
  const value = one(params, name);
  if (value === null) return null;
  const date = INSTANT.test(value) ? new Date(value) : new Date(NaN);
  if (Number.isNaN(date.getTime())) throw wrong(name, 'is a time such as 2026-11-24T00:00:00Z');
  return date;
}

function sequence(value: string | null): bigint {
  if (value === null) return 0n;
  if (/^\d{1,15}$/.test(value)) return BigInt(value);
  throw wrong('after', 'is the number of an event: 0, 1, 2 ...');
}

function wrong(name: string, what: string): ProblemError {
  return new ProblemError(badRequest(`${name}: ${what}`, { field: name }));
}
