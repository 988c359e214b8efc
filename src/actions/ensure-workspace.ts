import { systemActor } from '../domain/actor.ts';
import { insertWorkspace } from '../db/insert-workspace.ts';
import { OPERATOR_WORKSPACE } from '../domain/workspace.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface EnsureWorkspaceInput {
  readonly slug: string;
  readonly name: string;
}

/** Whether the call created the workspace, or found it. */
export interface EnsuredWorkspace {
  readonly id: string;
  readonly created: boolean;
}

/** Creates the workspace with its two channels, unless it exists; the operators' has none, nothing is promoted there. Safe when several nodes start at once. */
export async function ensureWorkspace(
  deps: ActionDeps,
  input: EnsureWorkspaceInput,
): Promise<EnsuredWorkspace> {
  const id = deps.newId();
  const actor = systemActor(id);
  return inTransaction<EnsuredWorkspace>(
    deps,
    actor,
    async (tx) => {
      const existing = await tx.workspace.findUnique({ where: { slug: input.slug }, select: { id: true } });
      if (existing !== null) return { answer: { id: existing.id, created: false }, events: [] };
      const isOperators = input.slug === OPERATOR_WORKSPACE.slug;
      const events = await insertWorkspace(deps, tx, { id, ...input, withChannels: !isOperators });
      return {
        answer: { id, created: true },
        events: [{ payload: { type: 'WorkspaceCreated', slug: input.slug } }, ...events],
      };
    },
    isUniqueViolation,
  );
}
