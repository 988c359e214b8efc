import { requireCan } from '../domain/actor.ts';
import type { Actor, Grant } from '../domain/actor.ts';
import type { Role } from '../domain/actor-role.ts';
import {
  grantsOfMember,
  requireGiven,
  requireGrants,
  requireMemberRole,
  requireSomebodyElse,
} from '../domain/member-role.ts';
import type { GrantInput } from '../domain/member-role.ts';
import { requireExistingChannels } from '../db/channel-names.ts';
import { lockMember } from '../db/members.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps } from '../db/transaction.ts';

export interface SetMemberRoleInput {
  readonly member: string;
  /** Null: what the token claims; absent: as it is. */
  readonly role?: Role | null | undefined;
  /** All of them; absent: as they are. */
  readonly grants?: readonly GrantInput[] | null | undefined;
  readonly suspended?: boolean | null | undefined;
}

/**
 * Decides what a member may do. What is left out stays; what is so already changes nothing.
 * @throws NotFound, InvalidInput, Forbidden, Unavailable
 */
export async function setMemberRole(
  deps: ActionDeps,
  actor: Actor,
  input: SetMemberRoleInput,
): Promise<void> {
  requireCan(actor, 'members:manage');
  requireSomebodyElse(actor, input.member);
  const wished = {
    role: typeof input.role === 'string' ? requireMemberRole(actor, input.role) : input.role,
    grants: requireGrants(actor, input.grants ?? []),
  };
  await inTransaction(deps, actor, async (tx) => {
    const { workspaceId } = actor;
    const row = await lockMember(tx, workspaceId, input.member);
    for (const [index, grant] of wished.grants.entries())
      await requireExistingChannels(tx, workspaceId, `grants[${index}].`, grant);
    const before = { role: row.role, grants: row.grants, suspendedAt: row.suspendedAt };
    const after = {
      role: wished.role === undefined ? row.role : wished.role,
      grants: Array.isArray(input.grants) ? wished.grants : row.grants,
      suspendedAt: suspendedAt(row.suspendedAt, input.suspended, deps.clock()),
    };
    requireGiven(actor, {
      before: grantsOfMember({ ...row, ...before }),
      after: grantsOfMember({ ...row, ...after }),
    });
    if (JSON.stringify(before) === JSON.stringify(after)) return { answer: undefined, events: [] };
    await tx.member.updateMany({
      where: { workspaceId, id: row.id },
      data: { ...after, grants: columnOf(after.grants) },
    });
    return {
      answer: undefined,
      events: [{ payload: { type: 'MemberChanged', memberId: row.id, name: row.name, before, after } }],
    };
  });
}

function suspendedAt(was: Date | null, wish: boolean | null | undefined, now: Date): Date | null {
  if (typeof wish !== 'boolean') return was;
  return wish ? (was ?? now) : null;
}

function columnOf(grants: readonly Grant[]) {
  return grants.map(({ role, prompts, channels }) => ({
    role,
    prompts: prompts === null ? null : [...prompts],
    channels: channels === null ? null : [...channels],
  }));
}
