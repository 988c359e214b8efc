import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { InvalidInput } from '../domain/errors.ts';
import {
  isPermanent,
  requireWorkspaceName,
  requireWorkspaceSlug,
  WorkspaceSlugTaken,
} from '../domain/workspace.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';
import { lockWorkspace } from '../db/locks.ts';

/** Absent or null: unchanged. */
export interface RenameWorkspaceInput {
  readonly slug: string;
  readonly newSlug?: string | null | undefined;
  readonly name?: string | null | undefined;
}

/**
 * Gives a workspace another slug or name. Keys, ids and cursors stay what they are: nothing but operators knows it by its slug.
 * @returns its id.
 * @throws NotFound, WorkspaceSlugTaken, InvalidInput, Forbidden, Unavailable
 */
export async function renameWorkspace(
  deps: ActionDeps,
  actor: Actor,
  input: RenameWorkspaceInput,
): Promise<string> {
  requireCan(actor, 'workspaces:manage');
  const newSlug = input.newSlug ?? null;
  const newName = input.name ?? null;
  if (newSlug !== null) requireWorkspaceSlug('newSlug', newSlug);
  if (newName !== null) requireWorkspaceName(newName);
  if (isPermanent(input.slug))
    throw new InvalidInput('slug', `the workspace "${input.slug}" keeps its slug and name`);
  return inTransaction(
    deps,
    actor,
    async (tx) => {
      const { id, slug, name } = await lockWorkspace(tx, input.slug);
      const before = { slug, name };
      const after = { slug: newSlug ?? slug, name: newName ?? name };
      if (after.slug === slug && after.name === name) return { answer: id, events: [] };
      const taken = after.slug !== slug && (await tx.workspace.findUnique({ where: { slug: after.slug } }));
      if (taken) throw new WorkspaceSlugTaken(after.slug);
      await tx.workspace.update({ where: { id }, data: after, select: { id: true } });
      const events = [{ payload: { type: 'WorkspaceRenamed', workspaceId: id, before, after } } as const];
      return { answer: id, elsewhere: { workspaceId: id, events }, events };
    },
    isUniqueViolation,
  );
}
