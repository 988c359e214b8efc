import { ChannelNotFound } from '../domain/channel.ts';
import { narrowTopic, parseTopic } from '../domain/channel-topic.ts';
import type { Topic } from '../domain/channel-topic.ts';
import type { Actor } from '../domain/actor.ts';
import { Forbidden, InvalidInput } from '../domain/errors.ts';
import { badRequest, forbidden, notFound, ProblemError } from './problem.ts';
import { urlParts } from './url-parts.ts';

export const CHANNELS_PATH = '/v1/channels/';
export const EVENTS_SUFFIX = '/events';
export const APPLIED_SUFFIX = '/applied';

/** What stands in the path and the query string of a request that is about a channel; the name is taken as it stands. */
export function parseChannelUrl(url: string, suffix: string) {
  const { path, search } = urlParts(url);
  if (!path.endsWith(suffix))
    throw new ProblemError(notFound(`there is nothing here: try ...${EVENTS_SUFFIX}`));
  const channel = path.slice(CHANNELS_PATH.length, path.length - suffix.length);
  return { channel, query: new URLSearchParams(search) };
}

/** The channel and the prompts that are asked for, as far as they may be read. @throws as narrowTopic */
export function topicOf(actor: Actor, channel: string, query: URLSearchParams): Topic {
  const prompts = query.getAll('prompts').flatMap((list) => list.split(','));
  return narrowTopic(actor, parseTopic(channel, prompts.length === 0 ? null : prompts));
}

/** Refusals of what is asked for as problems. */
export function refuseChannel(error: unknown): never {
  if (error instanceof ChannelNotFound) throw new ProblemError(notFound(error.message));
  if (error instanceof Forbidden) throw new ProblemError(forbidden(error.message));
  if (error instanceof InvalidInput)
    throw new ProblemError(badRequest(error.message, { field: error.field }));
  throw error;
}
