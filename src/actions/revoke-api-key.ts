import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { lockApiKey } from '../db/api-keys.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

/**
 * Ends a key with all its secrets, at once on every node that hears of it. Revoking twice changes nothing.
 * @throws NotFound, Forbidden, Unavailable
 */
export async function revokeApiKey(
  deps: ActionDeps,
  actor: Actor,
  { id }: { readonly id: string },
): Promise<void> {
  requireCan(actor, 'keys:manage');
  await inTransaction(deps, actor, async (tx) => {
    const { workspaceId } = actor;
    const key = await lockApiKey(tx, workspaceId, id);
    if (key.revokedAt !== null) return { answer: undefined, events: [] };
    const revokedAt = deps.clock();
    await tx.apiKey.updateMany({ where: { workspaceId, id }, data: { revokedAt } });
    const change = { before: { revokedAt: null }, after: { revokedAt } };
    return {
      answer: undefined,
      events: [{ payload: { type: 'ApiKeyRevoked', apiKeyId: id, name: key.name, ...change } }],
    };
  });
}
