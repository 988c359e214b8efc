import { PromptArchived } from '../domain/prompt.ts';
import { requireExpected } from '../domain/promotion.ts';
import type { ChannelPosition } from '../domain/promotion.ts';
import { VersionNotFound } from '../domain/version.ts';
import { getMovableChannel, lockPositions, lockPrompts, promptNotFound } from './locks.ts';
import type { LockedChannel, LockedPrompt } from './locks.ts';
import { loadStandings, standingKey } from './promotion-standing.ts';
import type { Standing } from './promotion-standing.ts';
import type { Tx } from './transaction.ts';

export interface PromotionItem {
  readonly slug: string;
  readonly version: number;
  readonly expectedVersion?: number | null | undefined;
}

/** What a promotion is decided on and written from, locked. */
export interface PromotionFacts extends Standing {
  readonly prompt: LockedPrompt;
  readonly channel: LockedChannel;
  readonly position: ChannelPosition;
}

/**
 * Locks the workspace, the channel against changes of its policies, prompts, then pointers, in the order of the law, and checks each item.
 * @throws NotFound, VersionNotFound, ChannelNotFound, ChannelReserved, ChannelMoved, PromptArchived for the first item that fails.
 */
export async function loadPromotionFacts(
  tx: Tx,
  workspaceId: string,
  channelName: string,
  { items, now }: { readonly items: readonly PromotionItem[]; readonly now: Date },
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
  const keyOf = ({ item, prompt }: (typeof found)[number]) => ({
    promptId: prompt.id,
    channelId: channel.id,
    number: item.version,
  });
  const standings = await loadStandings(tx, workspaceId, found.map(keyOf), now);
  return found.map((one) => {
    const { item, prompt } = one;
    const standing = standings.get(standingKey(keyOf(one)));
    if (standing === undefined) throw versionNotFound(item.slug, item.version, prompt.latestNumber);
    const position = positionOf(prompt.id);
    requireExpected(item.slug, item.expectedVersion, position);
    return { ...standing, prompt, channel, position };
  });
}

export function requireActive(prompt: LockedPrompt | undefined, slug: string): LockedPrompt {
  if (prompt === undefined) throw promptNotFound(slug);
  if (prompt.archived) throw new PromptArchived(`${slug} is archived: restore it first`);
  return prompt;
}

export function versionNotFound(slug: string, number: number, newest: number): VersionNotFound {
  return new VersionNotFound(`${slug} has no version ${number}: its versions are 1 to ${newest}`);
}
