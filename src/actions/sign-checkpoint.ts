import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { signCheckpoint as signed } from '../domain/checkpoint.ts';
import type { CheckpointSigner, SignedCheckpoint } from '../domain/checkpoint.ts';
import { SigningNotConfigured } from '../domain/errors.ts';
import { findCheckpoint, keepCheckpoint } from '../db/audit-checkpoints.ts';
import { getHead } from '../db/event-log.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

/**
 * Signs where the workspace's log ends; the same head is signed once. It is no event of the log, whose head it would move.
 * @throws Forbidden, SigningNotConfigured, Unavailable
 */
export async function signCheckpoint(
  deps: ActionDeps,
  actor: Actor,
  input: { readonly signer: CheckpointSigner | null },
): Promise<SignedCheckpoint> {
  requireCan(actor, 'audit:sign');
  const { signer } = input;
  if (signer === null) throw new SigningNotConfigured();
  const { workspaceId } = actor;
  return inTransaction(deps, actor, async (tx) => {
    const head = await getHead(tx, workspaceId);
    const checkpoint = signed(signer, { workspaceId, ...head, at: deps.clock() });
    const isKept = await keepCheckpoint(tx, checkpoint);
    const before = isKept ? null : await findCheckpoint(tx, workspaceId, head.seq, signer.keyId);
    return { answer: before ?? checkpoint, events: [] };
  });
}
