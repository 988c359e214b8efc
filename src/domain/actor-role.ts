/**
 * VIEWER reads; EDITOR edits and asks for promotions; RELEASER promotes, reviews and rolls back; ADMIN manages channels, policies, members
 * and keys; SERVICE (keys only) reads what channels serve and follows them; OPERATOR manages the workspaces of an installation and sees
 * into none.
 */
export const ROLES = ['VIEWER', 'EDITOR', 'RELEASER', 'ADMIN', 'SERVICE', 'OPERATOR'] as const;
export type Role = (typeof ROLES)[number];

const SERVICE_SCOPES = ['channels:read'] as const;
const VIEWER_SCOPES = ['registry:read', ...SERVICE_SCOPES] as const;
const EDITOR_SCOPES = [...VIEWER_SCOPES, 'prompts:write', 'promotions:request'] as const;
const RELEASER_SCOPES = [
  ...EDITOR_SCOPES,
  'channels:promote',
  'channels:rollback',
  'promotions:review',
] as const;
const ADMIN_SCOPES = [
  ...RELEASER_SCOPES,
  'promotions:break-glass',
  'channels:manage',
  'members:manage',
  'keys:manage',
  'history:import',
  'audit:sign',
] as const;
const OPERATOR_SCOPES = ['workspaces:manage'] as const;

/** What somebody may do; keys are made with a choice of those that their role grants. */
export const SCOPES = [...ADMIN_SCOPES, ...OPERATOR_SCOPES] as const;
export type Scope = (typeof SCOPES)[number];

const SCOPES_OF: Readonly<Record<Role, readonly Scope[]>> = {
  VIEWER: VIEWER_SCOPES,
  EDITOR: EDITOR_SCOPES,
  RELEASER: RELEASER_SCOPES,
  ADMIN: ADMIN_SCOPES,
  SERVICE: SERVICE_SCOPES,
  OPERATOR: OPERATOR_SCOPES,
};

/** What a machine must be given by name: by default it moves nothing that is in production and approves nothing. */
const DELIBERATE: ReadonlySet<Scope> = new Set<Scope>([
  'channels:promote',
  'channels:rollback',
  'promotions:review',
  'promotions:break-glass',
]);

/** Every scope that the role grants, in a fixed order. */
export function scopesOf(role: Role): readonly Scope[] {
  return SCOPES_OF[role];
}

/** What a key of the role has when its scopes are not chosen. */
export function machineScopesOf(role: Role): readonly Scope[] {
  return SCOPES_OF[role].filter((scope) => !DELIBERATE.has(scope));
}

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** What a scope is limited by, where its grant is limited: to prompts, to prompts on channels; the others need a grant without limits. */
export type Extent = 'PROMPT' | 'PROMPT_ON_CHANNEL' | 'WORKSPACE';

const EXTENTS: Readonly<Partial<Record<Scope, Extent>>> = {
  'registry:read': 'PROMPT',
  'prompts:write': 'PROMPT',
  'channels:read': 'PROMPT_ON_CHANNEL',
  'promotions:request': 'PROMPT_ON_CHANNEL',
  'channels:promote': 'PROMPT_ON_CHANNEL',
  'channels:rollback': 'PROMPT_ON_CHANNEL',
  'promotions:review': 'PROMPT_ON_CHANNEL',
  'promotions:break-glass': 'PROMPT_ON_CHANNEL',
};

export function extentOf(scope: Scope): Extent {
  return EXTENTS[scope] ?? 'WORKSPACE';
}
