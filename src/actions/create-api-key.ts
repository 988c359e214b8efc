import type { Actor } from '../domain/actor.ts';
import { requireCan } from '../domain/actor.ts';
import { formatApiKey, hashApiKey } from '../domain/api-key.ts';
import {
  ACTIVE_KEYS_MAX,
  requireFuture,
  requireKeyName,
  requireKeyRights,
} from '../domain/api-key-rights.ts';
import type { KeyRightsInput } from '../domain/api-key-rights.ts';
import { InvalidInput } from '../domain/errors.ts';
import { requireExistingChannels } from '../db/channel-names.ts';
import { jsonOrNull } from '../db/json-columns.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps, Tx } from '../db/transaction.ts';

export interface CreateApiKeyInput extends KeyRightsInput {
  readonly name: string;
  readonly expiresAt?: Date | null | undefined;
  /** 32 random bytes. */
  readonly secret: Uint8Array;
}

/**
 * Creates a key. The answer is the only place where it ever stands in clear; the database holds its SHA-256.
 * @throws InvalidInput, Forbidden, Unavailable
 */
export async function createApiKey(
  deps: ActionDeps,
  actor: Actor,
  input: CreateApiKeyInput,
): Promise<{ id: string; key: string }> {
  requireCan(actor, 'keys:manage');
  const name = requireKeyName(input.name);
  const rights = requireKeyRights(actor, input);
  const createdAt = deps.clock();
  const expiresAt = requireFuture('expiresAt', input.expiresAt, createdAt);
  const id = deps.newId();
  const key = formatApiKey(id, input.secret);
  const { workspaceId } = actor;
  const { role, scopes, prompts, channels } = rights;
  return inTransaction(deps, actor, async (tx) => {
    await requireRoom(tx, workspaceId, createdAt);
    await requireExistingChannels(tx, workspaceId, '', rights);
    await tx.apiKey.createMany({
      data: {
        workspaceId,
        id,
        name,
        role,
        scopes: [...scopes],
        prompts: jsonOrNull(prompts),
        channels: jsonOrNull(channels),
        secretHash: new Uint8Array(hashApiKey(key)),
        createdAt,
        expiresAt,
      },
    });
    const after = { scopes, prompts, channels, expiresAt };
    return {
      answer: { id, key },
      events: [{ payload: { type: 'ApiKeyCreated', apiKeyId: id, name, role, after } }],
    };
  });
}

/** Creations queue on the workspace, so that the limit cannot be overtaken. */
async function requireRoom(tx: Tx, workspaceId: string, now: Date): Promise<void> {
  await tx.$executeRaw`SELECT 1 FROM "workspace" WHERE id = ${workspaceId}::uuid FOR NO KEY UPDATE`;
  const active = await tx.apiKey.count({
    where: { workspaceId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
  });
  if (active >= ACTIVE_KEYS_MAX)
    throw new InvalidInput(
      'name',
      `a workspace has at most ${ACTIVE_KEYS_MAX} active keys: revoke some first`,
    );
}
