import { randomUUID } from 'node:crypto';
import { isRequestTopic } from '../domain/channel-topic.ts';
import type { Topic } from '../domain/channel-topic.ts';
import type { OpenStream } from '../db/stream-subscribers.ts';
import type { Usage } from '../delivery/usage.ts';
import type { Audience } from '../realtime/hub-deps.ts';
import type { Member } from '../realtime/member.ts';

/** Who follows channels on this node, and what they were sent. */
export interface ListedAudience extends Audience {
  open(): readonly OpenStream[];
}

/** `onChange`: somebody came or went. */
export function createAudience(usage: Usage, onChange: () => void): ListedAudience {
  const streams = new Set<OpenStream>();
  return {
    joined: (member) => {
      const { topic } = member.listener;
      // A subscriber of a channel is somebody who is pushed what it serves.
      if (isRequestTopic(topic)) return () => undefined;
      const stream = new ListedStream(member, topic);
      streams.add(stream);
      onChange();
      return () => {
        if (streams.delete(stream)) onChange();
      };
    },
    /** A snapshot names promotions and no versions: what it brings is not counted. */
    pushed: (frame, { workspaceId, topic, actor }, times) => {
      if (frame.type !== 'VersionPromoted' || frame.version === null || isRequestTopic(topic)) return;
      const { promptId, version } = frame;
      const { id: actorId, kind: actorKind, name: actorName } = actor;
      const use = { workspaceId, promptId, version, channel: topic.channel, actorId, actorKind, actorName };
      usage.pushed(use, times);
    },
    open: () => [...streams],
  };
}

/** One of many: what equal streams have in common stands in what they share, and is looked up when they are listed. */
class ListedStream implements OpenStream {
  readonly id = randomUUID();
  readonly channel: string;
  readonly prompts: readonly string[] | null;
  readonly #member: Pick<Member, 'listener' | 'told'>;
  readonly #sinceMs = Date.now();

  constructor(member: Pick<Member, 'listener' | 'told'>, { channel, prompts }: Topic) {
    this.#member = member;
    this.channel = channel;
    this.prompts = prompts;
  }

  get workspaceId(): string {
    return this.#member.listener.workspaceId;
  }

  get transport(): OpenStream['transport'] {
    return this.#member.listener.transport;
  }

  get actorId(): string {
    return this.#member.listener.actor.id;
  }

  get actorKind(): OpenStream['actorKind'] {
    return this.#member.listener.actor.kind;
  }

  get actorName(): string {
    return this.#member.listener.actor.name;
  }

  get instance(): string | null {
    return this.#member.listener.instance;
  }

  get since(): Date {
    return new Date(this.#sinceMs);
  }

  get told(): OpenStream['told'] {
    return this.#member.told;
  }
}
