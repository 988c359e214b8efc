import { can, promptsWithin } from './actor.ts';
import type { Actor } from './actor.ts';
import { extentOf } from './actor-role.ts';
import type { Scope } from './actor-role.ts';
import { Forbidden } from './errors.ts';
import { patternsCover } from './patterns.ts';

/** What somebody is to be given: scopes, within limits; null: all of the workspace. */
export interface Rights {
  readonly scopes: readonly Scope[];
  readonly prompts: readonly string[] | null;
  readonly channels: readonly string[] | null;
}

/** Of what is to be given, the scopes that the giver does not hold itself, or not everywhere where the other would have them. */
export function scopesBeyond(giver: Actor, { scopes, prompts, channels }: Rights): readonly Scope[] {
  return scopes.filter((scope) => {
    const extent = extentOf(scope);
    if (extent === 'WORKSPACE') return !can(giver, scope);
    // Undefined: on every channel there is.
    const places = extent === 'PROMPT' ? [undefined] : (channels ?? [undefined]);
    return places.some((channel) => !covers(promptsWithin(giver, scope, channel), prompts));
  });
}

/** Nobody gives more than he has. @throws Forbidden that names the scopes. */
export function requireWithin(giver: Actor, rights: Rights): void {
  const beyond = scopesBeyond(giver, rights);
  if (beyond.length === 0) return;
  const named = beyond.map((scope) => `"${scope}"`).join(', ');
  throw new Forbidden(
    `this credential (${giver.name}) cannot give ${named}: it does not hold that itself without a limit that the other would not have`,
  );
}

function covers(within: readonly string[] | null, prompts: readonly string[] | null): boolean {
  if (within === null) return true;
  return prompts !== null && prompts.every((pattern) => patternsCover(within, pattern));
}
