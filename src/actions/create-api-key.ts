import type { Actor } from '../domain/actor.ts';
import { requireCan } from '../domain/actor.ts';
import { machineScopesOf } from '../domain/actor-role.ts';
import type { Role, Scope } from '../domain/actor-role.ts';
import { formatApiKey, hashApiKey } from '../domain/api-key.ts';
import { requireText } from '../domain/text.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

const NAME_LENGTH_MAX = 100;

export interface CreateApiKeyInput {
  readonly name: string;
  readonly role: Role;
  /** Absent: what a machine of the role has by default. */
  readonly scopes?: readonly Scope[];
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
  const name = requireText('name', input.name, NAME_LENGTH_MAX);
  const id = deps.newId();
  const key = formatApiKey(id, input.secret);
  return inTransaction(deps, actor, async (tx) => {
    const { workspaceId } = actor;
    const secretHash = new Uint8Array(hashApiKey(key));
    await tx.apiKey.createMany({
      data: {
        workspaceId,
        id,
        name,
        role: input.role,
        scopes: [...(input.scopes ?? machineScopesOf(input.role))],
        secretHash,
        createdAt: deps.clock(),
      },
    });
    return {
      answer: { id, key },
      events: [{ payload: { type: 'ApiKeyCreated', apiKeyId: id, name, role: input.role } }],
    };
  });
}
