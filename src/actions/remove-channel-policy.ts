import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireMovable } from '../domain/channel.ts';
import { NotFound } from '../domain/errors.ts';
import { requirePolicyPattern } from '../domain/policy.ts';
import { lockChannel } from '../db/locks.ts';
import { listPolicies, policyFacts } from '../db/policies.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface RemoveChannelPolicyInput {
  readonly channel: string;
  readonly pattern: string;
}

/**
 * Takes a policy away: what it covered is decided by the next shorter pattern, or demands nothing.
 * @returns the channel's id.
 * @throws NotFound, ChannelNotFound, ChannelReserved, InvalidInput, Forbidden, Unavailable
 */
export async function removeChannelPolicy(
  deps: ActionDeps,
  actor: Actor,
  input: RemoveChannelPolicyInput,
): Promise<string> {
  requireCan(actor, 'channels:manage');
  const { workspaceId } = actor;
  const name = requireMovable(input.channel);
  const pattern = requirePolicyPattern(input.pattern);
  return inTransaction(deps, actor, async (tx) => {
    const channel = await lockChannel(tx, workspaceId, name);
    const policies = await listPolicies(tx, workspaceId, channel);
    const before = policies.find((known) => known.pattern === pattern);
    if (before === undefined)
      throw new NotFound(`channel "${name}" has no policy for ${JSON.stringify(pattern)}`);
    await tx.channelPolicy.delete({
      where: { workspaceId_id: { workspaceId, id: before.id } },
      select: { id: true },
    });
    const facts = { before: policyFacts(before), after: null };
    const payload = { type: 'ChannelPolicyChanged', channel: name, pattern, ...facts } as const;
    return { answer: channel.id, events: [{ payload }] };
  });
}
