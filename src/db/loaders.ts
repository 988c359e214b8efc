import DataLoader from 'dataloader';
import type { Reader } from './client.ts';
import type { LogHead } from './event-log.ts';
import { seqsOfTime } from './event-times.ts';
import { createPromotionLoaders } from './promotion-loaders.ts';
import { createRolloutLoaders } from './rollout-loaders.ts';
import { createSubscriberLoaders } from './subscriber-loaders.ts';
import { createUsageLoaders } from './usage-loaders.ts';

export type Loaders = ReturnType<typeof createLoaders>;

/** What Prisma's own batching does not reach, batched for the length of one request. */
export function createLoaders(reader: Reader, workspaceId: string) {
  return {
    ...createUsageLoaders(reader, workspaceId),
    ...createSubscriberLoaders(reader, workspaceId),
    ...createRolloutLoaders(reader, workspaceId),
    ...createPromotionLoaders(reader, workspaceId),
    /** The last event of a commit, by its first sequence: the place that a cursor may name. */
    commitEnd: new DataLoader<bigint, LogHead, string>((keys) => loadCommitEnds(reader, workspaceId, keys), {
      cacheKeyFn: String,
    }),
    /** The slug of a prompt, by its id. */
    promptSlug: new DataLoader<string, string | null>((keys) => loadSlugs(reader, workspaceId, keys)),
    /** The id of a prompt, by its slug; null: none has it. */
    promptId: new DataLoader<string, string | null>((slugs) => loadPromptIds(reader, workspaceId, slugs)),
    /** The id of a channel, by its name; null: none has it. */
    channelId: new DataLoader<string, string | null>((names) => loadChannelIds(reader, workspaceId, names)),
    /** Which events are of a time. */
    seqsOfTime: (time: { readonly since: Date | null; readonly until: Date | null }) =>
      seqsOfTime(reader, workspaceId, time),
    /** How many versions a prompt has, by prompt id. */
    versionCount: new DataLoader<string, number>((keys) => countVersions(reader, workspaceId, keys)),
    /** How many promotions a prompt has, on one channel (by name) or on all (null). */
    promotionCount: new DataLoader<PromotionCountKey, number, string>(
      (keys) => countPromotions(reader, workspaceId, keys),
      {
        cacheKeyFn: ({ promptId, channel }) => `${promptId} ${channel}`,
      },
    ),
  };
}

interface PromotionCountKey {
  readonly promptId: string;
  readonly channel: string | null;
}

async function loadCommitEnds(
  reader: Reader,
  workspaceId: string,
  commitSeqs: readonly bigint[],
): Promise<LogHead[]> {
  const rows = await reader.$queryRaw<{ commitSeq: bigint; seq: bigint; hash: Uint8Array }[]>`
    SELECT wanted.commit_seq AS "commitSeq", last.seq, last.hash
    FROM unnest(${[...commitSeqs]}::bigint[]) AS wanted(commit_seq)
    CROSS JOIN LATERAL (
      SELECT seq, hash FROM "event" WHERE workspace_id = ${workspaceId}::uuid AND commit_seq = wanted.commit_seq ORDER BY seq DESC LIMIT 1
    ) AS last`;
  const ends = new Map(rows.map((row) => [row.commitSeq, row]));
  return commitSeqs.map((commitSeq) => {
    const end = ends.get(commitSeq);
    if (end === undefined) throw new Error(`the event log holds no commit ${commitSeq}`);
    return end;
  });
}

async function loadSlugs(
  reader: Reader,
  workspaceId: string,
  promptIds: readonly string[],
): Promise<(string | null)[]> {
  const rows = await reader.prompt.findMany({
    where: { workspaceId, id: { in: [...promptIds] } },
    select: { id: true, slug: true },
  });
  const slugs = new Map(rows.map(({ id, slug }) => [id, slug]));
  return promptIds.map((id) => slugs.get(id) ?? null);
}

async function loadPromptIds(
  reader: Reader,
  workspaceId: string,
  slugs: readonly string[],
): Promise<(string | null)[]> {
  const where = { workspaceId, slug: { in: [...slugs] } };
  const rows = await reader.prompt.findMany({ where, select: { id: true, slug: true } });
  const ids = new Map(rows.map(({ id, slug }) => [slug, id]));
  return slugs.map((slug) => ids.get(slug) ?? null);
}

async function loadChannelIds(
  reader: Reader,
  workspaceId: string,
  names: readonly string[],
): Promise<(string | null)[]> {
  const where = { workspaceId, name: { in: [...names] } };
  const rows = await reader.channel.findMany({ where, select: { id: true, name: true } });
  const ids = new Map(rows.map(({ id, name }) => [name, id]));
  return names.map((name) => ids.get(name) ?? null);
}

// Version numbers have no holes, so the newest number is the count.
async function countVersions(
  reader: Reader,
  workspaceId: string,
  promptIds: readonly string[],
): Promise<number[]> {
  const rows = await reader.prompt.findMany({
    where: { workspaceId, id: { in: [...promptIds] } },
    select: { id: true, latestNumber: true },
  });
  const counts = new Map(rows.map((row) => [row.id, row.latestNumber]));
  return promptIds.map((id) => counts.get(id) ?? 0);
}

async function countPromotions(
  reader: Reader,
  workspaceId: string,
  keys: readonly PromotionCountKey[],
): Promise<number[]> {
  const groups = await reader.promotion.groupBy({
    by: ['promptId', 'channelId'],
    where: { workspaceId, promptId: { in: keys.map((key) => key.promptId) } },
    _count: { _all: true },
  });
  const channels = await reader.channel.findMany({
    where: { workspaceId },
    select: { id: true, name: true },
  });
  const names = new Map(channels.map((channel) => [channel.id, channel.name]));
  return keys.map(({ promptId, channel }) =>
    groups
      .filter(
        (group) =>
          group.promptId === promptId && (channel === null || names.get(group.channelId) === channel),
      )
      .reduce((sum, group) => sum + group._count._all, 0),
  );
}
