import { isRequestTopic, topicMatch } from '../domain/channel-topic.ts';
import type { RequestTopic, Topic, TopicMatch } from '../domain/channel-topic.ts';
import type { FeedCommit } from './feed-commit.ts';
import { framesConflated, framesOfCommit, framesOfRequests } from './frames.ts';
import type { Frame } from './frames.ts';

/** What followers of a topic hear of the log. */
export interface Telling {
  /** Of which channel a snapshot tells what it serves; null: there is no snapshot of this topic, who cannot go on begins from now. */
  readonly channel: string | null;
  readonly matches: TopicMatch;
  framesOf(commit: FeedCommit): Frame[];
  /** For who fell behind and wants the newest only, where that says the same in the end. */
  conflated(commits: readonly FeedCommit[]): { readonly frames: Frame[]; readonly left: number };
}

export function tellingOf(topic: Topic | RequestTopic): Telling {
  return isRequestTopic(topic) ? requestTelling(topic) : channelTelling(topic);
}

function channelTelling(topic: Topic): Telling {
  const { channel } = topic;
  const matches = topicMatch(topic);
  return {
    channel,
    matches,
    framesOf: (commit) => framesOfCommit(commit, channel, matches),
    conflated: (commits) => framesConflated(commits, channel, matches),
  };
}

/** Of requests everything is told: each change is one that somebody may have to act on. */
function requestTelling({ channel, prompts, readable }: RequestTopic): Telling {
  const [wanted, allowed] = [topicMatch({ prompts }), topicMatch({ prompts: readable })];
  const matches = (slug: string) => wanted(slug) && allowed(slug);
  const framesOf = (commit: FeedCommit) => framesOfRequests(commit, channel, matches);
  return {
    channel: null,
    matches,
    framesOf,
    conflated: (commits) => ({ frames: commits.flatMap(framesOf), left: 0 }),
  };
}
