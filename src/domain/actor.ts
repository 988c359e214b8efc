import { Forbidden } from './errors.ts';

type ActorKind = 'USER' | 'API_KEY' | 'SYSTEM';

export type Role = 'ADMIN' | 'READER';

/** Who did it, in which workspace, with which role. Everything that happens in PromptForge happens in an actor's name. */
export interface Actor {
  readonly workspaceId: string;
  readonly kind: ActorKind;
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** PromptForge acting by itself in a workspace. */
export function systemActor(workspaceId: string): Actor {
  return { workspaceId, kind: 'SYSTEM', id: 'system', name: 'system', role: 'ADMIN' };
}

const READ_SCOPES = ['registry:read'] as const;
const WRITE_SCOPES = [
  'prompts:write',
  'channels:promote',
  'channels:manage',
  'keys:manage',
  'history:import',
] as const;

export type Scope = (typeof READ_SCOPES)[number] | (typeof WRITE_SCOPES)[number];

/** Every scope that the role grants, in a fixed order. */
export function scopesOf(role: Role): readonly Scope[] {
  return role === 'ADMIN' ? [...READ_SCOPES, ...WRITE_SCOPES] : READ_SCOPES;
}

/** The one place that decides whether an actor may do something. */
export function can(actor: Actor, scope: Scope): boolean {
  return scopesOf(actor.role).includes(scope);
}

/** @throws Forbidden naming the scope that is missing. */
export function requireCan(actor: Actor, scope: Scope): void {
  if (!can(actor, scope)) throw new Forbidden(`this credential (${actor.name}) lacks the scope "${scope}"`);
}
