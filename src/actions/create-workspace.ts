import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { scopesOf } from '../domain/actor-role.ts';
import { formatApiKey, hashApiKey } from '../domain/api-key.ts';
import { requireWorkspaceName, requireWorkspaceSlug, WorkspaceSlugTaken } from '../domain/workspace.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { insertWorkspace } from '../db/insert-workspace.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

const KEY_NAME = 'first admin';

export interface CreateWorkspaceInput {
  readonly slug: string;
  readonly name: string;
  /** 32 random bytes, for its first admin key. */
  readonly secret: Uint8Array;
}

/**
 * Creates a workspace with its two channels and its first admin key, which stands in clear in the answer and nowhere else: who operates an
 * installation sees into no workspace, and whoever holds this key lets others in.
 * @throws WorkspaceSlugTaken, InvalidInput, Forbidden, Unavailable
 */
export async function createWorkspace(
  deps: ActionDeps,
  actor: Actor,
  input: CreateWorkspaceInput,
): Promise<{ workspaceId: string; adminKey: string }> {
  requireCan(actor, 'workspaces:manage');
  const slug = requireWorkspaceSlug('slug', input.slug);
  const name = requireWorkspaceName(input.name);
  const [workspaceId, apiKeyId] = [deps.newId(), deps.newId()];
  const adminKey = formatApiKey(apiKeyId, input.secret);
  return inTransaction(
    deps,
    actor,
    async (tx) => {
      const taken = await tx.workspace.findUnique({ where: { slug }, select: { id: true } });
      if (taken !== null) throw new WorkspaceSlugTaken(slug);
      const channels = await insertWorkspace(deps, tx, { id: workspaceId, slug, name, withChannels: true });
      const role = 'ADMIN';
      const secretHash = new Uint8Array(hashApiKey(adminKey));
      const key = { workspaceId, id: apiKeyId, name: KEY_NAME, role, secretHash } as const;
      await tx.apiKey.createMany({ data: { ...key, scopes: [...scopesOf(role)], createdAt: deps.clock() } });
      const after = { scopes: scopesOf(role), prompts: null, channels: null, expiresAt: null };
      const keyCreated = {
        payload: { type: 'ApiKeyCreated', apiKeyId, name: KEY_NAME, role, after },
      } as const;
      const created = { payload: { type: 'WorkspaceCreated', slug } } as const;
      return {
        answer: { workspaceId, adminKey },
        elsewhere: { workspaceId, events: [created, ...channels, keyCreated] },
        events: [{ payload: { type: 'WorkspaceCreated', slug, workspaceId, name } }],
      };
    },
    isUniqueViolation,
  );
}
