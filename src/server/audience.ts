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
      const { topic } = member.follower;
      // A subscriber of a channel is somebody who is pushed what it serves.
      if (isRequestTopic(topic)) return () => undefined;
      const stream = streamOf(member, topic);
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

function streamOf(member: Pick<Member, 'follower' | 'told'>, topic: Topic): OpenStream {
  const { workspaceId, transport, actor, instance } = member.follower;
  return {
    id: randomUUID(),
    workspaceId,
    channel: topic.channel,
    prompts: topic.prompts,
    transport,
    actorId: actor.id,
    actorKind: actor.kind,
    actorName: actor.name,
    instance,
    since: new Date(),
    get told() {
      return member.told;
    },
  };
}
