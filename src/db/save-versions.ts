import type { Actor } from '../domain/actor.ts';
import { LATEST } from '../domain/channel.ts';
import type { NewEvent } from '../domain/event.ts';
import type { Content } from '../domain/version.ts';
import { contentHash } from '../domain/version.ts';
import { Prisma } from './generated/prisma/client.ts';
import { getChannel } from './locks.ts';
import { moveChannels } from './move-channels.ts';
import type { Move } from './move-channels.ts';
import { refreshSearch } from './search.ts';
import type { Tx } from './transaction.ts';

/** One version to be appended to a prompt that is locked (or was just created) by the caller. */
export interface Save {
  readonly prompt: { readonly id: string; readonly slug: string };
  readonly versionId: string;
  readonly promotionId: string;
  readonly number: number;
  readonly ordinal: number;
  readonly previous: { readonly id: string; readonly number: number } | null;
  readonly content: Content;
  readonly message: string | null;
  readonly createdAt: Date;
  /** Set for imported history only: what the version is known by when the import is repeated. */
  readonly committedAt: Date | null;
}

/**
 * Appends versions, oldest first within a prompt, and lets `latest` follow: a promotion of kind SAVE each.
 * @returns the events, one a version.
 */
export async function saveVersions(
  tx: Tx,
  actor: Actor,
  now: Date,
  saves: readonly Save[],
): Promise<NewEvent[]> {
  const latest = await getChannel(tx, actor.workspaceId, LATEST);
  await tx.promptVersion.createMany({ data: saves.map((save) => versionRow(actor, save)) });
  await pointPromptsAtNewest(tx, actor.workspaceId, now, saves);
  await refreshSearch(
    tx,
    actor.workspaceId,
    saves.map((save) => save.prompt.id),
  );
  const moves = saves.map((save): Move => ({
    promotionId: save.promotionId,
    kind: 'SAVE',
    prompt: save.prompt,
    ordinal: save.ordinal,
    channel: latest,
    version: { id: save.versionId, number: save.number, contentHash: contentHash(save.content) },
    previous: save.previous,
    stack: { baseId: null, baseBelowId: null },
    reason: null,
  }));
  return moveChannels(tx, actor, now, moves);
}

function versionRow(actor: Actor, save: Save) {
  const { content } = save;
  return {
    workspaceId: actor.workspaceId,
    id: save.versionId,
    promptId: save.prompt.id,
    number: save.number,
    kind: content.kind,
    template: content.kind === 'TEXT' ? content.template : null,
    messages: content.kind === 'CHAT' ? asJson(content.messages) : Prisma.DbNull,
    config: content.config === null ? Prisma.DbNull : asJson(content.config),
    variables: asJson(content.variables),
    contentHash: contentHash(content),
    message: save.message,
    basedOnNumber: save.previous?.number ?? null,
    authorKind: actor.kind,
    authorId: actor.id,
    authorName: actor.name,
    createdAt: save.createdAt,
    committedAt: save.committedAt,
  };
}

// Prisma's input type for JSON columns wants index signatures that readonly domain types lack; the values are checked JSON.
function asJson(value: unknown): Prisma.InputJsonValue {
  return value as Prisma.InputJsonValue;
}

async function pointPromptsAtNewest(
  tx: Tx,
  workspaceId: string,
  now: Date,
  saves: readonly Save[],
): Promise<void> {
  const newest = new Map(saves.map((save) => [save.prompt.id, save.number]));
  await tx.$executeRaw`
    UPDATE "prompt" AS p SET latest_number = s.number, updated_at = ${now}
    FROM unnest(${[...newest.keys()]}::uuid[], ${[...newest.values()]}::int[]) AS s(prompt_id, number)
    WHERE p.workspace_id = ${workspaceId}::uuid AND p.id = s.prompt_id`;
}
