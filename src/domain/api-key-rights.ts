import type { Actor } from './actor.ts';
import { extentOf, isScope, machineScopesOf, SCOPES, scopesOf } from './actor-role.ts';
import type { Role, Scope } from './actor-role.ts';
import { requireWithin } from './actor-escalation.ts';
import { isLimited, requireLimits } from './channel-limits.ts';
import type { Limits, LimitsInput } from './channel-limits.ts';
import { Forbidden, InvalidInput } from './errors.ts';
import { requireText } from './text.ts';

const NAME_LENGTH_MAX = 100;
const OVERLAP_DAYS_MAX = 7;
const DAY_MS = 24 * 60 * 60 * 1_000;
export const ACTIVE_KEYS_MAX = 1_000;

export interface KeyRightsInput extends LimitsInput {
  readonly role: Role;
  /** Absent: what a machine of the role has by default. */
  readonly scopes?: readonly string[] | null | undefined;
}

/** What a key may do. */
export interface KeyRights extends Limits {
  readonly role: Role;
  readonly scopes: readonly Scope[];
}

/** @throws InvalidInput */
export function requireKeyName(name: string): string {
  if (name.trim() === '') throw new InvalidInput('name', 'is empty: say what the key is for');
  if (/\p{Cc}/u.test(name))
    throw new InvalidInput('name', 'holds a control character: it stands in lists and logs');
  return requireText('name', name, NAME_LENGTH_MAX);
}

/**
 * What a new key may do, as its maker asks for it.
 * @throws InvalidInput for scopes that are unknown, that the role does not grant, or that cannot be limited as the key is; Forbidden for
 * more than the maker has.
 */
export function requireKeyRights(maker: Actor, input: KeyRightsInput): KeyRights {
  const { role } = input;
  requireRole(maker, role);
  const scopes = requireScopes(input);
  const limits = requireLimits('', input);
  if (isLimited(limits)) requireLimitable(scopes);
  const rights = { role, scopes, ...limits };
  if (maker.kind !== 'SYSTEM') requireWithin(maker, rights);
  return rights;
}

/** @throws InvalidInput */
export function requireFuture(field: string, date: Date | null | undefined, now: Date): Date | null {
  if (date === null || date === undefined) return null;
  if (!(date.getTime() > now.getTime())) throw new InvalidInput(field, 'is not in the future');
  // What PostgreSQL and RFC 3339 can both say.
  if (date.getUTCFullYear() > 9_999) throw new InvalidInput(field, 'is later than the year 9999');
  return date;
}

/** Until when the secret that is replaced goes on to be accepted; null: it ends at once. @throws InvalidInput */
export function overlapEnd(days: number, now: Date): Date | null {
  if (!Number.isInteger(days) || days < 0 || days > OVERLAP_DAYS_MAX)
    throw new InvalidInput('overlapDays', `is ${days}, 0 to ${OVERLAP_DAYS_MAX} are allowed`);
  return days === 0 ? null : new Date(now.getTime() + days * DAY_MS);
}

/** Operators' keys are made at the database's door only. */
function requireRole({ kind }: Actor, role: Role): void {
  if (role === 'OPERATOR' && kind !== 'SYSTEM')
    throw new Forbidden('a key of an OPERATOR is made by `promptforge keys create --operator` only');
}

function requireScopes({ role, scopes }: KeyRightsInput): readonly Scope[] {
  if (scopes === null || scopes === undefined) return machineScopesOf(role);
  if (scopes.length === 0)
    throw new InvalidInput('scopes', 'is empty: leave it out for what a machine of the role has by default');
  const granted = scopesOf(role);
  const wanted = new Set<Scope>();
  scopes.forEach((scope, index) => {
    if (!isScope(scope)) throw new InvalidInput(`scopes[${index}]`, `is no scope: ${list(SCOPES)} are`);
    if (!granted.includes(scope))
      throw new InvalidInput(
        `scopes[${index}]`,
        `"${scope}" is not among those of ${role}: ${list(granted)}`,
      );
    wanted.add(scope);
  });
  return granted.filter((scope) => wanted.has(scope));
}

/** What concerns all of the workspace is never granted to what is limited: such a key would not do what it says. */
function requireLimitable(scopes: readonly Scope[]): void {
  const whole = scopes.filter((scope) => extentOf(scope) === 'WORKSPACE');
  if (whole.length === 0) return;
  throw new InvalidInput(
    'scopes',
    `${list(whole)} concern all of the workspace: a key that is limited to prompts or channels cannot have them; name the scopes that it shall have`,
  );
}

function list(scopes: readonly string[]): string {
  return scopes.map((scope) => `"${scope}"`).join(', ');
}
