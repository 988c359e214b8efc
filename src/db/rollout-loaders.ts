import DataLoader from 'dataloader';
import { rolloutOf } from '../domain/rollout.ts';
import type { Rollout } from '../domain/rollout.ts';
import type { Reader } from './client.ts';
import { loadListeners, loadPlaces } from './rollout.ts';

// A type, not an interface: createLoaders answers with these loaders, and only a type can be written out where its name is not known.
type InstanceKey = { readonly actorId: string; readonly channel: string; readonly instance: string };

/** Who has applied what: two statements for all promotions that a request asks for, and one for all subscribers. */
export function createRolloutLoaders(reader: Reader, workspaceId: string) {
  return {
    /** How far a promotion has come, by its id. */
    rollout: new DataLoader<string, Rollout>((ids) => loadRollouts(reader, workspaceId, ids)),
    /** The cursor up to which an instance has applied everything; null: it has not said anything. */
    appliedCursor: new DataLoader<InstanceKey, string | null, string>(
      (keys) => loadAppliedCursors(reader, workspaceId, keys),
      { cacheKeyFn: instanceName },
    ),
  };
}

async function loadRollouts(
  reader: Reader,
  workspaceId: string,
  promotionIds: readonly string[],
): Promise<Rollout[]> {
  const places = await loadPlaces(reader, workspaceId, promotionIds);
  const channels = [...new Set([...places.values()].map(({ channel }) => channel))];
  const listeners = await loadListeners(reader, workspaceId, channels);
  return promotionIds.map((id) => {
    const place = places.get(id);
    if (place === undefined) throw new Error('a promotion without its event');
    return rolloutOf(listeners.get(place.channel) ?? [], place.slug, place.seq);
  });
}

async function loadAppliedCursors(
  reader: Reader,
  workspaceId: string,
  keys: readonly InstanceKey[],
): Promise<(string | null)[]> {
  const rows = await reader.$queryRaw<(InstanceKey & { cursor: string })[]>`
    SELECT a.actor_id AS "actorId", a.channel, a.instance, a.cursor
    FROM unnest(
      ${keys.map(({ actorId }) => actorId)}::text[],
      ${keys.map(({ channel }) => channel)}::text[],
      ${keys.map(({ instance }) => instance)}::text[]
    ) AS wanted(actor_id, channel, instance)
    JOIN "applied_cursor" a ON a.workspace_id = ${workspaceId}::uuid AND a.actor_id = wanted.actor_id COLLATE "C"
      AND a.channel = wanted.channel COLLATE "C" AND a.instance = wanted.instance COLLATE "C"`;
  const cursors = new Map(rows.map((row) => [instanceName(row), row.cursor]));
  return keys.map((key) => cursors.get(instanceName(key)) ?? null);
}

function instanceName({ actorId, channel, instance }: InstanceKey): string {
  return [actorId, channel, instance].join('\n');
}
