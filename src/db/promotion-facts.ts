import { PromptArchived } from '../domain/prompt.ts';
import { requireExpected } from '../domain/promotion.ts';
import type { ChannelPosition } from '../domain/promotion.ts';
import { VersionNotFound } from '../domain/version.ts';
import { lastOrdinals, lockChannelAndPrompts, promptNotFound, promptsOf } from './locks.ts';
import type { LockedChannel, LockedPrompt, OrdinalRow, PromptRow } from './locks.ts';
import { lockedPointers, lockingPointers, positionsOf } from './positions.ts';
import type { PointerRow } from './positions.ts';
import { standingKey, standingsAt, withReviews } from './promotion-standing.ts';
import type { Standing, StandingRow } from './promotion-standing.ts';
import { inOneTrip } from './sql-tx.ts';
import type { SqlTx } from './sql-tx.ts';

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
  tx: SqlTx,
  workspaceId: string,
  channelName: string,
  { items, now }: { readonly items: readonly PromotionItem[]; readonly now: Date },
): Promise<PromotionFacts[]> {
  const slugs = items.map((item) => item.slug);
  const { channel, prompts } = await lockChannelAndPrompts(tx, workspaceId, channelName, slugs);
  const bySlug = new Map(prompts.map((prompt) => [prompt.slug, prompt]));
  for (const slug of slugs) requireActive(bySlug.get(slug), slug);
  const keyOf = ({ slug, version }: PromotionItem) => ({
    promptId: bySlug.get(slug)?.id ?? '',
    channelId: channel.id,
    number: version,
  });
  const ids = prompts.map(({ id }) => id);
  const [, pointers, ordinals, standingRows] = await inOneTrip<
    [unknown[], PointerRow[], OrdinalRow[], StandingRow[]]
  >(
    tx,
    lockingPointers(workspaceId, channel.id, ids),
    lockedPointers(workspaceId, channel.id, ids),
    lastOrdinals(workspaceId, ids),
    standingsAt(workspaceId, items.map(keyOf), now),
  );
  const locked = promptsOf(prompts, ordinals);
  const positionOf = positionsOf(pointers);
  const standings = await withReviews(tx, workspaceId, standingRows);
  return items.map((item) => {
    const prompt = requireActive(locked.get(item.slug), item.slug);
    const standing = standings.get(standingKey(keyOf(item)));
    if (standing === undefined) throw versionNotFound(item.slug, item.version, prompt.latestNumber);
    const position = positionOf(prompt.id);
    requireExpected(item.slug, item.expectedVersion, position);
    return { ...standing, prompt, channel, position };
  });
}

export function requireActive<Prompt extends PromptRow>(prompt: Prompt | undefined, slug: string): Prompt {
  if (prompt === undefined) throw promptNotFound(slug);
  if (prompt.archived) throw new PromptArchived(`${slug} is archived: restore it first`);
  return prompt;
}

export function versionNotFound(slug: string, number: number, newest: number): VersionNotFound {
  return new VersionNotFound(`${slug} has no version ${number}: its versions are 1 to ${newest}`);
}
