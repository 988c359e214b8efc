import type { Prisma } from '../db/generated/prisma/client.ts';
import type { SnapshotEntry } from '../realtime/frames.ts';
import type { Context } from './context.ts';

type Selection = Prisma.ChannelPointerSelect;
type Pointer = Prisma.ChannelPointerGetPayload<object>;

/**
 * The channel's pointers as they were when these promotions were in force, in their order: pointers move on, promotions never change. Rows
 * as the planned query selects them from pointers.
 */
export async function pointersThen(
  context: Context,
  entries: readonly SnapshotEntry[],
  query: { readonly select?: Selection | null },
): Promise<Pointer[]> {
  const promotionIds = entries.map(({ promotionId }) => promotionId);
  const { channel = false, prompt = false, version = false, promotion = false } = query.select ?? {};
  const rows = await context.reader.promotion.findMany({
    where: { workspaceId: context.actor.workspaceId, id: { in: [...promotionIds] } },
    // The relations bear the same names on both sides.
    select: { ...OWN_COLUMNS, channel, prompt, version },
  });
  const asked =
    promotion === false ? new Map<string, object>() : await promotionsOf(context, promotionIds, promotion);
  const pointers = new Map(
    rows.map((row): [string, Pointer] => [
      row.id,
      { ...row, promotionId: row.id, since: row.createdAt, promotion: asked.get(row.id) } as Pointer,
    ]),
  );
  return entries.flatMap(({ promotionId, slug }) => {
    const pointer = pointers.get(promotionId);
    return pointer === undefined ? [] : [withSlug(pointer, slug)];
  });
}

const OWN_COLUMNS = {
  workspaceId: true,
  id: true,
  channelId: true,
  promptId: true,
  versionId: true,
  createdAt: true,
} as const;

/** Under the slug of then: a rename that came since is told by an event of its own. */
function withSlug(pointer: Pointer & { readonly prompt?: object }, slug: string): Pointer {
  const { prompt } = pointer;
  return prompt !== undefined && 'slug' in prompt
    ? Object.assign(pointer, { prompt: { ...prompt, slug } })
    : pointer;
}

async function promotionsOf(
  context: Context,
  ids: readonly string[],
  selection: NonNullable<Selection['promotion']>,
): Promise<Map<string, object>> {
  const select = { ...(typeof selection === 'object' ? selection.select : undefined), id: true };
  const rows = await context.reader.promotion.findMany({
    where: { workspaceId: context.actor.workspaceId, id: { in: [...ids] } },
    select,
  });
  return new Map(rows.map((row) => [row.id, row]));
}
