import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { NotFound } from '../domain/errors.ts';
import { isUuid } from '../domain/ids.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

/**
 * Ends a key, at once on every node that hears of it. Revoking twice changes nothing.
 * @throws NotFound, Forbidden, Unavailable
 */
export async function revokeApiKey(
  deps: ActionDeps,
  actor: Actor,
  input: { readonly id: string },
): Promise<void> {
  requireCan(actor, 'keys:manage');
  await inTransaction(deps, actor, async (tx) => {
    const where = { workspaceId_id: { workspaceId: actor.workspaceId, id: input.id } };
    const key = isUuid(input.id) ? await tx.apiKey.findUnique({ where, select: { name: true } }) : null;
    if (key === null)
      throw new NotFound(`this workspace has no API key ${JSON.stringify(input.id.slice(0, 60))}`);
    // Of two that revoke at once the second waits here and finds nothing left to change: one event, not two.
    const { count } = await tx.apiKey.updateMany({
      where: { workspaceId: actor.workspaceId, id: input.id, revokedAt: null },
      data: { revokedAt: deps.clock() },
    });
    if (count === 0) return { answer: undefined, events: [] };
    return {
      answer: undefined,
      events: [{ payload: { type: 'ApiKeyRevoked', apiKeyId: input.id, name: key.name } }],
    };
  });
}
