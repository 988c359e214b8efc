import { PromptArchived } from '../domain/prompt.ts';
import { requireExpected, stackAfterPromotion } from '../domain/promotion.ts';
import type { ChannelPosition } from '../domain/promotion.ts';
import { VersionNotFound } from '../domain/version.ts';
import { getMovableChannel, lockPositions, lockPrompts, promptNotFound } from './locks.ts';
import type { LockedChannel, LockedPrompt } from './locks.ts';
import type { Move } from './move-channels.ts';
import type { Tx } from './transaction.ts';

export interface PromotionItem {
  readonly slug: string;
  readonly version: number;
  readonly expectedVersion?: number | null | undefined;
}

/** What a promotion is decided on and written from, locked. */
export interface PromotionFacts {
  readonly prompt: LockedPrompt;
  readonly channel: LockedChannel;
  readonly position: ChannelPosition;
  readonly version: { readonly id: string; readonly number: number };
}

/**
 * Locks prompts, then pointers, in the order of the law, and checks each item.
 * @throws NotFound, VersionNotFound, ChannelNotFound, ChannelReserved, ChannelMoved, PromptArchived for the first item that fails.
 */
export async function loadPromotionFacts(
  tx: Tx,
  workspaceId: string,
  channelName: string,
  items: readonly PromotionItem[],
): Promise<PromotionFacts[]> {
  const channel = await getMovableChannel(tx, workspaceId, channelName);
  const prompts = await lockPrompts(
    tx,
    workspaceId,
    items.map((item) => item.slug),
  );
  const found = items.map((item) => ({ item, prompt: requireActive(prompts.get(item.slug), item.slug) }));
  const positionOf = await lockPositions(
    tx,
    workspaceId,
    channel.id,
    found.map(({ prompt }) => prompt.id),
  );
  const versions = await findVersions(tx, workspaceId, found);
  return found.map(({ item, prompt }) => {
    const id = versions.get(`${prompt.id} ${item.version}`);
    if (id === undefined) throw versionNotFound(item.slug, item.version, prompt.latestNumber);
    const position = positionOf(prompt.id);
    requireExpected(item.slug, item.expectedVersion, position);
    return { prompt, channel, position, version: { id, number: item.version } };
  });
}

/** The move that a promotion of these facts is. */
export function promotionMove(
  { prompt, channel, position, version }: PromotionFacts,
  promotionId: string,
  reason: string | null,
): Move {
  return {
    promotionId,
    kind: 'PROMOTION',
    prompt,
    ordinal: prompt.lastOrdinal + 1,
    channel,
    version,
    previous: position.serving,
    stack: stackAfterPromotion(promotionId, position),
    reason,
  };
}

export function requireActive(prompt: LockedPrompt | undefined, slug: string): LockedPrompt {
  if (prompt === undefined) throw promptNotFound(slug);
  if (prompt.archived) throw new PromptArchived(`${slug} is archived: restore it first`);
  return prompt;
}

export function versionNotFound(slug: string, number: number, newest: number): VersionNotFound {
  return new VersionNotFound(`${slug} has no version ${number}: its versions are 1 to ${newest}`);
}

async function findVersions(
  tx: Tx,
  workspaceId: string,
  wanted: readonly { item: PromotionItem; prompt: LockedPrompt }[],
): Promise<Map<string, string>> {
  const rows = await tx.$queryRaw<{ id: string; promptId: string; number: number }[]>`
    SELECT v.id::text AS id, v.prompt_id::text AS "promptId", v.number
    FROM unnest(${wanted.map(({ prompt }) => prompt.id)}::uuid[], ${wanted.map(({ item }) => item.version)}::int[]) AS w(prompt_id, number)
    JOIN "prompt_version" v ON v.workspace_id = ${workspaceId}::uuid AND v.prompt_id = w.prompt_id AND v.number = w.number`;
  return new Map(rows.map((row) => [`${row.promptId} ${row.number}`, row.id]));
}
