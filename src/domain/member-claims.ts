import { highestRole, isMemberRole } from './member-role.ts';
import type { MemberRole } from './member-role.ts';
import { DEFAULT_WORKSPACE } from './workspace.ts';

const VALUES_MAX = 1_000;
/** What a person may name as its workspace; what is reserved for the installation itself begins with "$" and is none of it. */
const WORKSPACE_SLUG = /^[a-z0-9][a-z0-9._-]{0,99}$/;

/** The highest role that a token claims, by the slug of the workspace. */
export type ClaimedRoles = ReadonlyMap<string, MemberRole>;

/**
 * Reads the claim of a token: one text or a list of them, "RELEASER" for the workspace `default` or "acme:RELEASER" for another one. What is
 * anything else is left out: the issuer's roles may be about other programs too.
 */
export function parseRolesClaim(value: unknown): ClaimedRoles {
  const texts: unknown[] = Array.isArray(value) ? value.slice(0, VALUES_MAX) : [value];
  const claimed = new Map<string, MemberRole>();
  for (const text of texts) {
    if (typeof text !== 'string') continue;
    const colon = text.lastIndexOf(':');
    const slug = colon === -1 ? DEFAULT_WORKSPACE.slug : text.slice(0, colon);
    const role = text.slice(colon + 1);
    if (!isMemberRole(role) || !isOpenWorkspace(slug)) continue;
    const before = claimed.get(slug);
    claimed.set(slug, before === undefined ? role : (highestRole([before, role]) ?? role));
  }
  return claimed;
}

/** The claim at a path: by its whole name, which may have dots in it, else from object to object. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}

/** Which workspace a person comes to: the one that it names, else the only one that its token names, else `default`. */
export function workspaceOf(named: string | undefined, claimed: ClaimedRoles): string {
  if (named !== undefined) return named;
  const [only, ...more] = claimed.keys();
  return only !== undefined && more.length === 0 ? only : DEFAULT_WORKSPACE.slug;
}

export function isOpenWorkspace(slug: string): boolean {
  return WORKSPACE_SLUG.test(slug);
}
