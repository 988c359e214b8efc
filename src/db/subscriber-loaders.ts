import DataLoader from 'dataloader';
import type { Reader } from './client.ts';
import type { StreamSubscriber } from './generated/prisma/client.ts';
import type { KeysetPage } from './keyset.ts';
import { NODE_SILENT } from './stream-subscribers.ts';

export type Subscriber = StreamSubscriber;

// Types, not interfaces: createLoaders answers with these loaders, and only a type can be written out where its name is not known.
type PlaceKey = { readonly nodeId: string; readonly placeId: string };
type PageKey = { readonly channelId: string; readonly page: KeysetPage };

/** Who listens now, on every node that was heard of lately: two statements for all channels that a request asks the same page of. */
export function createSubscriberLoaders(reader: Reader, workspaceId: string) {
  let live: Promise<string[]> | undefined;
  const liveNodes = () => (live ??= loadLiveNodes(reader, workspaceId));
  return {
    /** One page of a channel's open streams, and a row more when there is another page. */
    subscribers: new DataLoader<PageKey, Subscriber[], string>(
      async (keys) => loadPages(reader, workspaceId, await liveNodes(), keys),
      { cacheKeyFn: ({ channelId, page }) => `${channelId} ${groupOf(page)}` },
    ),
    /** The cursors of places that streams share; null: it is gone. */
    streamPlace: new DataLoader<PlaceKey, string | null, string>(
      (keys) => loadPlaces(reader, workspaceId, keys),
      {
        cacheKeyFn: nameOf,
      },
    ),
    /** How many open streams a channel has. */
    subscriberCount: new DataLoader<string, number>(async (channelIds) =>
      countStreams(reader, workspaceId, await liveNodes(), channelIds),
    ),
  };
}

async function loadLiveNodes(reader: Reader, workspaceId: string): Promise<string[]> {
  // By the clock of the database, which has written the times.
  const rows = await reader.$queryRaw<{ id: string }[]>`
    SELECT node_id::text AS id FROM "stream_node" WHERE workspace_id = ${workspaceId}::uuid AND seen_at > now() - ${NODE_SILENT}::interval`;
  return rows.map(({ id }) => id);
}

async function loadPages(
  reader: Reader,
  workspaceId: string,
  nodes: string[],
  keys: readonly PageKey[],
): Promise<Subscriber[][]> {
  const groups = new Map<string, PageKey[]>();
  for (const key of keys) {
    const group = groupOf(key.page);
    groups.set(group, [...(groups.get(group) ?? []), key]);
  }
  const rows = new Map<PageKey, Subscriber[]>();
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { where, orderBy, take } = first.page;
    const channels = await reader.channel.findMany({
      where: { workspaceId, id: { in: group.map(({ channelId }) => channelId) } },
      select: { id: true, streams: { where: { ...where, nodeId: { in: nodes } }, orderBy, take } },
    });
    const streams = new Map(channels.map((channel) => [channel.id, channel.streams]));
    for (const key of group) rows.set(key, streams.get(key.channelId) ?? []);
  }
  return keys.map((key) => rows.get(key) ?? []);
}

function groupOf({ where, orderBy, take }: KeysetPage): string {
  return JSON.stringify([where, orderBy, take]);
}

async function loadPlaces(
  reader: Reader,
  workspaceId: string,
  keys: readonly PlaceKey[],
): Promise<(string | null)[]> {
  const rows = await reader.$queryRaw<(PlaceKey & { cursor: string })[]>`
    SELECT node_id::text AS "nodeId", id AS "placeId", cursor FROM "stream_place"
    WHERE workspace_id = ${workspaceId}::uuid
      AND (node_id, id) IN (SELECT * FROM unnest(${keys.map(({ nodeId }) => nodeId)}::uuid[], ${keys.map(({ placeId }) => placeId)}::text[]))`;
  const cursors = new Map(rows.map((row) => [nameOf(row), row.cursor]));
  return keys.map((key) => cursors.get(nameOf(key)) ?? null);
}

function nameOf({ nodeId, placeId }: PlaceKey): string {
  return `${nodeId} ${placeId}`;
}

async function countStreams(
  reader: Reader,
  workspaceId: string,
  nodes: string[],
  channelIds: readonly string[],
): Promise<number[]> {
  const channels = await reader.channel.findMany({
    where: { workspaceId, id: { in: [...channelIds] } },
    select: { id: true, _count: { select: { streams: { where: { nodeId: { in: nodes } } } } } },
  });
  const counts = new Map(channels.map(({ id, _count }) => [id, _count.streams]));
  return channelIds.map((id) => counts.get(id) ?? 0);
}
