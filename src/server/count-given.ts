import type { Usage, Use } from '../delivery/usage.ts';
import type { Actor } from '../domain/actor.ts';

/** Counts what an answer gives, once each, whether it was made for this request or before. */
export function countGiven(
  usage: Pick<Usage, 'fetched'>,
  actor: Actor,
  given: readonly Pick<Use, 'promptId' | 'version' | 'channel'>[],
): void {
  const { workspaceId, id: actorId, kind: actorKind, name: actorName } = actor;
  for (const { promptId, version, channel } of given)
    usage.fetched({ workspaceId, promptId, version, channel, actorId, actorKind, actorName });
}
