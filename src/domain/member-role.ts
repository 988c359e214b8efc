import type { Actor, Grant } from './actor.ts';
import { extentOf, scopesOf } from './actor-role.ts';
import type { Role } from './actor-role.ts';
import { requireWithin } from './actor-escalation.ts';
import { isLimited, requireLimits } from './channel-limits.ts';
import type { LimitsInput } from './channel-limits.ts';
import { Forbidden, InvalidInput } from './errors.ts';

const GRANTS_MAX = 50;

/** What a person can be, the lowest first. Services have keys, operators too. */
const MEMBER_ROLES = ['VIEWER', 'EDITOR', 'RELEASER', 'ADMIN'] as const satisfies readonly Role[];
export type MemberRole = (typeof MEMBER_ROLES)[number];

export interface GrantInput extends LimitsInput {
  readonly role: Role;
}

/** What is known of a member, as far as it decides what he may do. */
export interface MemberFacts {
  /** Set by an administrator; null: what the token claims. */
  readonly role: Role | null;
  readonly claimedRole: Role | null;
  /** Beside the role: roles for some prompts and channels. */
  readonly grants: readonly Grant[];
  readonly suspendedAt: Date | null;
}

export function isMemberRole(text: string): text is MemberRole {
  return (MEMBER_ROLES as readonly string[]).includes(text);
}

export function highestRole(roles: readonly MemberRole[]): MemberRole | null {
  return MEMBER_ROLES.findLast((role) => roles.includes(role)) ?? null;
}

/** Grants as they are kept: written by us alone, and checked before. */
export function storedGrants(grants: unknown): readonly Grant[] {
  return grants as readonly Grant[];
}

/** What a member may do; empty: nothing at all. */
export function grantsOfMember({ role, claimedRole, grants, suspendedAt }: MemberFacts): readonly Grant[] {
  if (suspendedAt !== null) return [];
  const whole = role ?? claimedRole;
  return whole === null ? grants : [{ role: whole, prompts: null, channels: null }, ...grants];
}

/** @throws InvalidInput for what no person can be, Forbidden for more than the giver has. */
export function requireMemberRole(giver: Actor, role: Role): MemberRole {
  const checked = requirePersonal('role', role);
  requireWithin(giver, { scopes: scopesOf(checked), prompts: null, channels: null });
  return checked;
}

/** @throws InvalidInput, Forbidden */
export function requireGrants(giver: Actor, grants: readonly GrantInput[]): readonly Grant[] {
  if (grants.length > GRANTS_MAX)
    throw new InvalidInput('grants', `has ${grants.length} grants, at most ${GRANTS_MAX} are allowed`);
  return grants.map((grant, index) => {
    const path = `grants[${index}].`;
    const role = requirePersonal(`${path}role`, grant.role);
    const limits = requireLimits(path, grant);
    if (!isLimited(limits))
      throw new InvalidInput(`grants[${index}]`, 'is limited to nothing: what holds everywhere is `role`');
    // What concerns all of the workspace is granted to nobody who is limited.
    const scopes = scopesOf(role).filter((scope) => extentOf(scope) !== 'WORKSPACE');
    requireWithin(giver, { scopes, ...limits });
    return { role, ...limits };
  });
}

/**
 * Of what a member may do afterwards, whatever it comes from: a claim that counts again, a suspension that ends.
 * @throws Forbidden for more than the giver has.
 */
export function requireGiven(
  giver: Actor,
  { before, after }: { readonly before: readonly Grant[]; readonly after: readonly Grant[] },
): void {
  const had = new Set(before.map((grant) => JSON.stringify(grant)));
  for (const { role, prompts, channels } of after.filter((grant) => !had.has(JSON.stringify(grant)))) {
    const isLimitedGrant = prompts !== null || channels !== null;
    const scopes = scopesOf(role).filter((scope) => !isLimitedGrant || extentOf(scope) !== 'WORKSPACE');
    requireWithin(giver, { scopes, prompts, channels });
  }
}

/** Nobody changes what he may do himself, so nobody locks himself out by accident either. @throws Forbidden */
export function requireSomebodyElse(actor: Actor, memberId: string): void {
  if (actor.kind === 'USER' && actor.id === memberId)
    throw new Forbidden('nobody changes what he may do himself: ask another administrator');
}

function requirePersonal(field: string, role: Role): MemberRole {
  if (isMemberRole(role)) return role;
  throw new InvalidInput(field, `${role} is no role of a person: ${MEMBER_ROLES.join(', ')} are`);
}
