import type { Actor } from '../domain/actor.ts';
import { lockApiKey } from '../db/api-keys.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

const SILENCE_MS = 60_000;

/**
 * Records that somebody came with a key after it was revoked; the actor is the key. At most once a minute a key, whatever number of nodes
 * it comes to.
 * @throws NotFound, Unavailable
 */
export async function recordRevokedKeyUse(deps: ActionDeps, actor: Actor, _input: object): Promise<void> {
  await inTransaction(deps, actor, async (tx) => {
    const { workspaceId, id } = actor;
    // Nodes queue here, so that the second one sees what the first has recorded.
    const { name } = await lockApiKey(tx, workspaceId, id);
    const since = BigInt(deps.clock().getTime() - SILENCE_MS) * 1_000n;
    const told = await tx.event.findFirst({
      where: { workspaceId, type: 'RevokedKeyUsed', actorId: id, atMicros: { gte: since } },
      select: { seq: true },
    });
    if (told !== null) return { answer: undefined, events: [] };
    return { answer: undefined, events: [{ payload: { type: 'RevokedKeyUsed', apiKeyId: id, name } }] };
  });
}
