import { randomUUID } from 'node:crypto';
import { isRequestTopic } from '../domain/channel-topic.ts';
import type { Topic } from '../domain/channel-topic.ts';
import type { OpenStream } from '../db/stream-subscribers.ts';
import type { Usage } from '../delivery/usage.ts';
import type { Frame } from '../realtime/frames.ts';
import type { Follower, Sink } from '../realtime/member.ts';

/** Who follows channels on this node, and what they were sent. */
export interface Audience {
  /** The follower's sink, watched from now on. */
  watch(follower: Follower): { readonly sink: Sink; readonly release: () => void };
  open(): readonly OpenStream[];
}

type Watched = Omit<OpenStream, 'lastCursor'> & { lastCursor: string | null };

/** `onChange`: somebody came or went. */
export function createAudience(usage: Usage, onChange: () => void): Audience {
  const streams = new Set<Watched>();
  return {
    watch: (follower) => {
      const { topic } = follower;
      // A subscriber of a channel is somebody who is pushed what it serves.
      if (isRequestTopic(topic)) return { sink: follower.sink, release: () => undefined };
      const stream = streamOf(follower, topic);
      streams.add(stream);
      onChange();
      const { sink } = follower;
      const send: Sink['send'] = (payload) => {
        const isWritten = sink.send(payload);
        if (isWritten) note(usage, stream, payload.frame);
        return isWritten;
      };
      return {
        sink: {
          send,
          unsentBytes: () => sink.unsentBytes(),
          takenBytes: () => sink.takenBytes(),
          drained: () => sink.drained(),
          end: (reason) => sink.end(reason),
        },
        release: () => {
          if (streams.delete(stream)) onChange();
        },
      };
    },
    open: () => [...streams],
  };
}

function streamOf({ workspaceId, transport, actor, instance }: Follower, topic: Topic): Watched {
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
    lastCursor: null,
  };
}

/** A snapshot names promotions and no versions: what it brings is not counted. */
function note(usage: Usage, stream: Watched, frame: Frame): void {
  stream.lastCursor = frame.cursor;
  if (frame.type !== 'VersionPromoted' || frame.version === null) return;
  const { workspaceId, channel, actorId, actorKind, actorName } = stream;
  const { promptId, version } = frame;
  usage.pushed({ workspaceId, promptId, version, channel, actorId, actorKind, actorName });
}
