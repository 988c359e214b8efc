import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ChannelState, ServedPrompt } from '../db/channel-state.ts';
import { topicMatch } from '../domain/channel-topic.ts';
import type { Topic } from '../domain/channel-topic.ts';

/** Whatever changes the form of an answer without a promotion changes this. */
const FORM = 'channel 1';
const TOPICS_KEPT = 32;

/** What of a state somebody asks for, and the tag of exactly that. */
interface Selection {
  readonly prompts: readonly ServedPrompt[];
  readonly etag: string;
}

export type Select = (state: ChannelState, topic: Topic) => Selection;

/** Found once a state and topic: whoever polls in between is answered from memory. */
export function createSelect(): Select {
  const selections = new WeakMap<ChannelState, LRUCache<string, Selection>>();
  return (state, topic) => {
    const known = selections.get(state) ?? new LRUCache<string, Selection>({ max: TOPICS_KEPT });
    selections.set(state, known);
    const key = patternsOf(topic);
    const selection = known.get(key) ?? selectionOf(state, topic);
    known.set(key, selection);
    return selection;
  };
}

/** Weak: two answers of one tag serve the same, and may name another place in the feed, where nothing of it was moved in between. */
function selectionOf({ prompts }: ChannelState, topic: Topic): Selection {
  const matches = topicMatch(topic);
  const selected = prompts.filter(({ slug }) => matches(slug));
  const hash = createHash('sha256').update(`${FORM}\n${topic.channel}\n`);
  for (const { slug, promotionId } of selected) hash.update(`${slug} ${promotionId}\n`);
  return { prompts: selected, etag: `W/"${hash.digest('base64url').slice(0, 27)}"` };
}

function patternsOf({ prompts }: Topic): string {
  return (prompts ?? ['*']).join('\n');
}
