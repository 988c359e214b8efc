import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireWithin } from '../domain/actor-escalation.ts';
import { formatApiKey, hashApiKey } from '../domain/api-key.ts';
import { overlapEnd } from '../domain/api-key-rights.ts';
import { InvalidInput } from '../domain/errors.ts';
import { lockApiKey } from '../db/api-keys.ts';
import { rightsOfKey } from '../db/credentials.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface RotateApiKeyInput {
  readonly id: string;
  /** How long the former secret goes on to be accepted: 0 to 7 days. */
  readonly overlapDays: number;
  /** 32 random bytes. */
  readonly secret: Uint8Array;
}

/**
 * Gives a key another secret; its id, name and rights stay. The secret before the former one ends at once, whatever overlap it had.
 * @returns the key with its new secret: the only place where it ever stands in clear.
 * @throws NotFound, InvalidInput, Forbidden, Unavailable
 */
export async function rotateApiKey(
  deps: ActionDeps,
  actor: Actor,
  { id, overlapDays, secret }: RotateApiKeyInput,
): Promise<{ id: string; key: string }> {
  requireCan(actor, 'keys:manage');
  const rotatedAt = deps.clock();
  const previousExpiresAt = overlapEnd(overlapDays, rotatedAt);
  return inTransaction(deps, actor, async (tx) => {
    const { workspaceId } = actor;
    const row = await lockApiKey(tx, workspaceId, id);
    if (row.revokedAt !== null) throw new InvalidInput('id', 'this key is revoked: create another one');
    if (row.expiresAt !== null && row.expiresAt <= rotatedAt)
      throw new InvalidInput('id', 'this key has expired: create another one');
    // Who has the new secret has all that the key may do.
    if (actor.kind !== 'SYSTEM') requireWithin(actor, rightsOfKey(row));
    const key = formatApiKey(id, secret);
    await tx.apiKey.updateMany({
      where: { workspaceId, id },
      data: {
        secretHash: new Uint8Array(hashApiKey(key)),
        previousSecretHash: previousExpiresAt === null ? null : row.secretHash,
        previousExpiresAt,
        rotatedAt,
      },
    });
    const before = { rotatedAt: row.rotatedAt, previousExpiresAt: row.previousExpiresAt };
    const after = { rotatedAt, previousExpiresAt };
    return {
      answer: { id, key },
      events: [{ payload: { type: 'ApiKeyRotated', apiKeyId: id, name: row.name, before, after } }],
    };
  });
}
