import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireDeletable } from '../domain/workspace.ts';
import { getHead } from '../db/event-log.ts';
import { lockWorkspace } from '../db/locks.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps, Tx } from '../db/transaction.ts';

/** A large workspace goes in one transaction: it is there or it is gone. */
const DELETION_MS = 10 * 60_000;
/** Who writes to it just now finishes first. */
const WRITERS_MS = 30_000;

export interface DeleteWorkspaceInput {
  readonly slug: string;
  /** The slug once more. */
  readonly confirm: string;
}

/** What was deleted. */
export interface DeletedWorkspace {
  readonly slug: string;
  readonly name: string;
  readonly prompts: number;
  readonly versions: number;
  readonly events: number;
}

/**
 * Deletes a workspace and everything in it, its log too: what can still be said of it stands in the operators' log. Its keys end, its streams
 * are closed and what nodes hold of it in memory is dropped as soon as they hear of it.
 * @throws NotFound, InvalidInput, Forbidden, Unavailable
 */
export async function deleteWorkspace(
  deps: ActionDeps,
  actor: Actor,
  input: DeleteWorkspaceInput,
): Promise<DeletedWorkspace> {
  requireCan(actor, 'workspaces:manage');
  const wanted = requireDeletable(input.slug, input.confirm);
  const remove = async (tx: Tx) => {
    await tx.$executeRaw`
      SELECT set_config('statement_timeout', ${String(DELETION_MS)}, true), set_config('lock_timeout', ${String(WRITERS_MS)}, true)`;
    const { id: workspaceId, slug, name } = await lockWorkspace(tx, wanted);
    const counts = await countRows(tx, workspaceId);
    const head = await getHead(tx, workspaceId);
    await tx.$executeRaw`SELECT delete_workspace(${workspaceId}::uuid)`;
    const payload = {
      type: 'WorkspaceDeleted',
      workspaceId,
      slug,
      name,
      counts,
      lastSeq: Number(head.seq),
      lastHash: Buffer.from(head.hash).toString('hex'),
    } as const;
    return { answer: { slug, name, ...counts }, events: [{ payload }] };
  };
  return inTransaction(deps, actor, remove, () => false, DELETION_MS + WRITERS_MS);
}

async function countRows(tx: Tx, workspaceId: string) {
  const where = { workspaceId };
  return {
    prompts: await tx.prompt.count({ where }),
    versions: await tx.promptVersion.count({ where }),
    promotions: await tx.promotion.count({ where }),
    events: await tx.event.count({ where }),
    apiKeys: await tx.apiKey.count({ where }),
    members: await tx.member.count({ where }),
  };
}
