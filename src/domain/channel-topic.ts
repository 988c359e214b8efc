import type { Actor } from './actor.ts';
import { servedPrompts } from './actor-reading.ts';
import { Forbidden, InvalidInput } from './errors.ts';
import { isChannelName, ChannelNotFound, STABLE } from './channel.ts';
import { isFolder, pathOfPattern, patternsCover } from './patterns.ts';
import { isSlug } from './prompt.ts';

const PATTERNS_MAX = 100;

/** What a subscriber follows: a channel, and which prompts of it. */
export interface Topic {
  readonly channel: string;
  /** Slugs and folders ("support/*"), sorted, each once; null: every prompt of the workspace. */
  readonly prompts: readonly string[] | null;
}

/**
 * Parses what a subscriber asks to follow.
 * @throws ChannelNotFound for what is no channel name, InvalidInput for what is neither a slug nor a folder.
 */
export function parseTopic(channel: string, prompts: readonly string[] | null | undefined): Topic {
  if (!isChannelName(channel)) throw new ChannelNotFound(channel);
  if (prompts === null || prompts === undefined) return { channel, prompts: null };
  if (prompts.length === 0 || prompts.length > PATTERNS_MAX) {
    throw new InvalidInput(
      'prompts',
      `has ${prompts.length} patterns, 1 to ${PATTERNS_MAX} are allowed: leave it out to follow every prompt`,
    );
  }
  prompts.forEach((pattern, index) => requirePattern(`prompts[${index}]`, pattern));
  return { channel, prompts: [...new Set(prompts)].toSorted() };
}

/** What a reviewer follows: what is asked for, on one channel or all (null), of these prompts, as far as it may be read. */
export interface RequestTopic {
  readonly channel: string | null;
  readonly prompts: readonly string[] | null;
  /** Slugs and folders that the follower may read; null: all. */
  readonly readable: readonly string[] | null;
}

/**
 * @throws ChannelNotFound for what is no channel name, InvalidInput for what is neither a slug nor a folder, Forbidden for patterns beyond
 * what may be read.
 */
export function parseRequestTopic(
  channel: string | null | undefined,
  prompts: readonly string[] | null | undefined,
  readable: readonly string[] | null,
): RequestTopic {
  const { prompts: sorted } = parseTopic(channel ?? STABLE, prompts);
  const beyond = sorted?.find((pattern) => !patternsCover(readable, pattern));
  if (beyond !== undefined)
    throw new Forbidden(
      `this credential may not read ${JSON.stringify(beyond)}: leave "prompts" out to hear of what it may`,
    );
  return { channel: channel ?? null, prompts: sorted, readable };
}

export function isRequestTopic(topic: Topic | RequestTopic): topic is RequestTopic {
  return 'readable' in topic;
}

/**
 * The topic as far as the actor may read it: what asks for every prompt follows those that it may read.
 * @throws ChannelNotFound for a channel of which it may read nothing, as for one that is not there; Forbidden for patterns beyond its grants.
 */
export function narrowTopic(actor: Actor, { channel, prompts }: Topic): Topic {
  const within = servedPrompts(actor, channel);
  if (within === null) return { channel, prompts };
  if (within.length === 0) throw new ChannelNotFound(channel);
  if (prompts === null) return { channel, prompts: within };
  const beyond = prompts.find((pattern) => !patternsCover(within, pattern));
  if (beyond === undefined) return { channel, prompts };
  throw new Forbidden(
    `this credential (${actor.name}) may not follow ${JSON.stringify(beyond)} on channel "${channel}": leave "prompts" out to follow what it may`,
  );
}

/** Whether the topic covers a prompt of this slug. */
export type TopicMatch = (slug: string) => boolean;

/** The topic's patterns, made ready for many slugs. */
export function topicMatch({ prompts }: Pick<Topic, 'prompts'>): TopicMatch {
  if (prompts === null) return () => true;
  const slugs = new Set(prompts);
  const folders = prompts.filter(isFolder).map((pattern) => pattern.slice(0, -1));
  return (slug) => slugs.has(slug) || folders.some((folder) => slug.startsWith(folder));
}

/** @throws InvalidInput for what is neither a slug nor a folder. */
export function requirePattern(field: string, pattern: string): void {
  if (isSlug(pathOfPattern(pattern))) return;
  const shown = JSON.stringify(pattern.slice(0, 60).replaceAll(/\P{ASCII}|\p{Cc}/gu, '?'));
  throw new InvalidInput(
    field,
    `${shown} is neither a slug ("support/assistant") nor a folder ("support/*")`,
  );
}
