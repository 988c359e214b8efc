import { can, canSomewhere, channelsWithin, promptsWithin } from './actor.ts';
import type { Actor } from './actor.ts';
import { patternsCover } from './patterns.ts';

// What an actor may read. With registry:read: everything of the prompts that its grants cover. With channels:read: what the channels that they
// cover serve of those prompts. What is not covered answers as what does not exist.

/** Whether it may read everything of the prompt: drafts, history, trail. */
export function mayReadPrompt(actor: Actor, slug: string): boolean {
  return can(actor, 'registry:read', { slug });
}

/** Whether there is any prompt of which it may read everything: a grant that is limited to channels never reads the registry. */
export function readsRegistry(actor: Actor): boolean {
  return promptsWithin(actor, 'registry:read')?.length !== 0;
}

/** Whether it may read everything of the workspace. */
export function mayReadAll(actor: Actor): boolean {
  return can(actor, 'registry:read');
}

/** Whether it may read what the channel serves of the prompt. */
export function mayReadServed(actor: Actor, slug: string, channel: string): boolean {
  return patternsCover(servedPrompts(actor, channel), slug);
}

/** Whether it may read what is asked for: what a channel serves of the prompt, or a version by its number, which may be a draft. */
export function mayReadVersion(
  actor: Actor,
  slug: string,
  selector: { readonly channel: string } | { readonly number: number },
): boolean {
  return 'channel' in selector ? mayReadServed(actor, slug, selector.channel) : mayReadPrompt(actor, slug);
}

/** The slugs and folders of which it may read what the channel serves; null: every prompt. Empty: none. */
export function servedPrompts(actor: Actor, channel: string): readonly string[] | null {
  return union(promptsWithin(actor, 'registry:read'), promptsWithin(actor, 'channels:read', channel));
}

/** The channels that it may know of; null: all. */
export function knownChannels(actor: Actor): readonly string[] | null {
  return readsRegistry(actor) ? null : channelsWithin(actor, 'channels:read');
}

/** Whether it may read anything that channels serve. */
export function readsSomething(actor: Actor): boolean {
  return readsRegistry(actor) || canSomewhere(actor, 'channels:read');
}

function union(one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null {
  return one === null || other === null ? null : [...new Set([...one, ...other])].toSorted();
}
