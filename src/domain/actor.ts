import { extentOf, SCOPES, scopesOf } from './actor-role.ts';
import type { Role, Scope } from './actor-role.ts';
import { Forbidden } from './errors.ts';
import { patternsCover } from './patterns.ts';

type ActorKind = 'USER' | 'API_KEY' | 'SYSTEM';

/** A role, and what it is limited to: slugs and folders ("support/*"), and channels; null: all of the workspace. */
export interface Grant {
  readonly role: Role;
  readonly prompts: readonly string[] | null;
  readonly channels: readonly string[] | null;
}

/** Where a request came from, for the audit trail. */
interface Origin {
  readonly sourceAddress: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
}

/** Who did it, in which workspace, with which role. Everything that happens in PromptForge happens in an actor's name. */
export interface Actor {
  readonly workspaceId: string;
  readonly kind: ActorKind;
  readonly id: string;
  readonly name: string;
  /** For show: the highest role it has anywhere. `grants` decide. */
  readonly role: Role;
  readonly grants: readonly Grant[];
  /** Of what the grants' roles allow, only this; null: all of it. A key of the database always has a choice. */
  readonly scopes: readonly Scope[] | null;
  /** When the credential ends by itself; null: never. */
  readonly expiresAt: Date | null;
  /** Null: PromptForge by itself, or somebody at the database's door. */
  readonly origin: Origin | null;
}

/** What something is done to. A part that is left out means: to all of them. */
export interface Target {
  readonly slug?: string;
  readonly channel?: string;
}

/** The role for all of the workspace. */
export function unlimited(role: Role): readonly Grant[] {
  return [{ role, prompts: null, channels: null }];
}

/** PromptForge acting by itself in a workspace. */
export function systemActor(workspaceId: string): Actor {
  return {
    workspaceId,
    kind: 'SYSTEM',
    id: 'system',
    name: 'system',
    role: 'ADMIN',
    grants: unlimited('ADMIN'),
    scopes: null,
    expiresAt: null,
    origin: null,
  };
}

/** The one place that decides whether an actor may do something. */
export function can(actor: Actor, scope: Scope, target: Target = {}): boolean {
  return grantsOf(actor, scope).some((grant) => grantCovers(grant, scope, target));
}

/** Whether there is any prompt or channel that the actor may do it to. */
export function canSomewhere(actor: Actor, scope: Scope): boolean {
  return grantsOf(actor, scope).length > 0;
}

/**
 * The slugs and folders that the actor may do it to, on the channel where the scope has one; null: every prompt. Empty: none.
 */
export function promptsWithin(actor: Actor, scope: Scope, channel?: string): readonly string[] | null {
  const grants = grantsOf(actor, scope).filter(({ channels }) => channelsCover(channels, scope, channel));
  if (grants.some(({ prompts }) => prompts === null)) return null;
  return [...new Set(grants.flatMap(({ prompts }) => prompts ?? []))].toSorted();
}

/** The channels on which the actor may do it to any prompt; null: every channel, which one or the other grant may limit. Empty: none. */
export function channelsWithin(actor: Actor, scope: Scope): readonly string[] | null {
  const grants = grantsOf(actor, scope);
  if (grants.some(({ channels }) => channels === null)) return null;
  return [...new Set(grants.flatMap(({ channels }) => channels ?? []))].toSorted();
}

/** Every channel that a grant of the scope names. */
export function channelsNamed(actor: Actor, scope: Scope): readonly string[] {
  return [...new Set(grantsOf(actor, scope).flatMap(({ channels }) => channels ?? []))].toSorted();
}

/** Two actors of one key may do and see the same. */
export function accessKey({ workspaceId, grants, scopes }: Actor): string {
  return JSON.stringify([
    workspaceId,
    grants.map(({ role, prompts, channels }) => [role, prompts, channels]),
    scopes,
  ]);
}

/** Every scope that the actor has somewhere, in a fixed order. */
export function scopesOfActor(actor: Actor): readonly Scope[] {
  return SCOPES.filter((scope) => canSomewhere(actor, scope));
}

/** @throws Forbidden naming the scope that is missing, and for what. */
export function requireCan(actor: Actor, scope: Scope, target: Target = {}): void {
  if (can(actor, scope, target)) return;
  const place = canSomewhere(actor, scope) ? placeOf(target) : '';
  throw new Forbidden(`this credential (${actor.name}) lacks the scope "${scope}"${place}`);
}

function grantsOf({ grants, scopes }: Actor, scope: Scope): readonly Grant[] {
  if (scopes !== null && !scopes.includes(scope)) return [];
  return grants.filter(
    (grant) =>
      scopesOf(grant.role).includes(scope) && (extentOf(scope) !== 'WORKSPACE' || isUnlimited(grant)),
  );
}

function isUnlimited({ prompts, channels }: Grant): boolean {
  return prompts === null && channels === null;
}

function grantCovers({ prompts, channels }: Grant, scope: Scope, { slug, channel }: Target): boolean {
  const coversPrompt = slug === undefined ? prompts === null : patternsCover(prompts, slug);
  return coversPrompt && channelsCover(channels, scope, channel);
}

/** What is written has no channel; what is read beyond channels shows all of them. */
function channelsCover(channels: Grant['channels'], scope: Scope, channel: string | undefined): boolean {
  if (channels === null || scope === 'prompts:write') return true;
  return channel !== undefined && scope !== 'registry:read' && channels.includes(channel);
}

function placeOf({ slug, channel }: Target): string {
  const prompt = slug === undefined ? ' for every prompt' : ` for ${JSON.stringify(slug.slice(0, 200))}`;
  return channel === undefined ? prompt : `${prompt} on channel "${channel}"`;
}
